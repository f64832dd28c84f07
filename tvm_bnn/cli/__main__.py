"""``python -m tvm_bnn.cli``."""

import sys

from tvm_bnn.cli import main

sys.exit(main())
