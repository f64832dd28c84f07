import numpy as np
import pytest

from tests.lowering.test_registry import TARGET, run
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Labels

LOW, HIGH = -(2**15), 2**15 - 1


@pytest.mark.parametrize(
    ("classes", "factor"), [(2, 1), (256, 1), (3, 2), (19, 8), (2, 16), (64, 16), (65, 16)], ids=str
)
def test_extreme_scores_and_ties(classes: int, factor: int) -> None:
    """Scores and class numbers share an integer: at the ends of int16 it must neither wrap nor mix them up."""
    choices = ([LOW, HIGH], [-1, 0], [HIGH - 1, HIGH], [LOW, LOW], [-1, -1], [0, 0], [HIGH, HIGH])
    operator = Labels(len(choices), 2, 2, classes, factor)
    rng = np.random.default_rng(classes)
    scores = np.array([rng.choice(np.array(values, np.int16), (2, 2, classes)) for values in choices])
    (row,) = rows_for(operator, TARGET)
    (found,) = run(row, operator, [scores], None, 1)
    np.testing.assert_array_equal(found, operator.reference(scores)[0])
