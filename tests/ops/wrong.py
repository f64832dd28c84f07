"""Values that fields of operators refuse."""

import numpy as np

NOT_POSITIVE = (0, -1, 1.0, True, "1", None, np.int64(1))
"""What is no extent of a tensor."""

NOT_A_PAIR = (1, (1,), (1, 1, 1), "11", {1: 1, 2: 2}, None, (1.0, 1), (1, True), (-1, 1), ("1", 1))
"""What is no setting of a window."""
