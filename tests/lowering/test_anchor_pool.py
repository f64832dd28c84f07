import numpy as np
import pytest

from tests.lowering.test_registry import TARGET, run
from tests.strategies import ACCUMULATOR
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import AnchorPool


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (16, 31), (24, 40), (3, 5), (1, 9)], ids=str)
@pytest.mark.parametrize("grids", [(1, 3, 6, 8), (8, 1), (5, 7, 2)], ids=str)
def test_windows_of_every_size(size: tuple[int, int], grids: tuple[int, ...]) -> None:
    """Windows that divide the map, that overlap, and that differ in size by one; half-way means of either sign."""
    operator = AnchorPool(2, *size, 16, ACCUMULATOR, grids)
    x = np.random.default_rng(0).integers(-3, 3, (2, *size, 16), np.int16)
    (row,) = rows_for(operator, TARGET)
    (found,) = run(row, operator, [x], None, 2)
    np.testing.assert_array_equal(found, operator.accumulate(x))


@pytest.mark.parametrize("value", [-32768, 32767])
def test_the_largest_sums(value: int) -> None:
    operator = AnchorPool(1, 256, 256, 1, ACCUMULATOR, (1,))
    (row,) = rows_for(operator, TARGET)
    (found,) = run(row, operator, [np.full((1, 256, 256, 1), value, np.int16)], None, 1)
    assert found.tolist() == [[[[16 * value]]]]
