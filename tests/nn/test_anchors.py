import numpy as np
import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import AnchorPool
from tvm_bnn.nn.anchors import PYRAMID


def test_the_usual_pyramid_has_110_anchors() -> None:
    assert AnchorPool().anchors == 110
    assert AnchorPool()(torch.zeros(2, 3, 9, 17)).shape == (2, 3, 1, 110)
    assert PYRAMID == (1, 3, 6, 8)


def test_anchors_are_means_of_windows_row_by_row_grid_after_grid() -> None:
    x = torch.arange(2 * 4 * 6, dtype=torch.float32).reshape(1, 2, 4, 6)
    anchors = AnchorPool((2, 1))(x)[0, :, 0]
    expected = [
        x[0, :, rows, columns].mean((1, 2))
        for rows in (slice(0, 2), slice(2, 4))
        for columns in (slice(0, 3), slice(3, 6))
    ]
    np.testing.assert_allclose(anchors[:, :4], torch.stack(expected, 1))
    np.testing.assert_allclose(anchors[:, 4], x[0].mean((1, 2)))


def test_windows_of_a_map_that_does_not_divide_overlap() -> None:
    x = torch.arange(5.0).reshape(1, 1, 1, 5).expand(1, 1, 2, 5)
    # Three windows over five columns: 0..1, 1..3, 3..4.
    np.testing.assert_allclose(AnchorPool((2,))(x)[0, 0, 0, :2], [1, 3])


@pytest.mark.parametrize("grids", [(), (0, 1), (2, 2)])
def test_grids_are_distinct_and_positive(grids: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="expected distinct positive grids"):
        AnchorPool(grids)
