import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.strategies import LIGHT, Array, pairs
from tvm_bnn.ops.window import Window

windows = st.builds(Window, kernel=pairs(1, 4), stride=pairs(1, 3), dilation=pairs(1, 3), padding=pairs(0, 3))
sizes = pairs(1, 9)


def starts(window: Window, size: int, axis: int) -> list[int]:
    """Where the window may stand along an axis, counted one by one."""
    padded = size + 2 * window.padding[axis]
    taps = [tap * window.dilation[axis] for tap in range(window.kernel[axis])]
    return [start for start in range(0, padded, window.stride[axis]) if start + taps[-1] < padded]


def numbered(size: tuple[int, int]) -> Array:
    """A map in which no number comes twice."""
    return np.arange(2 * size[0] * size[1] * 3, dtype=np.int32).reshape(2, *size, 3) + 1


@LIGHT
@given(windows, sizes)
def test_output_counts_the_places_of_the_window(window: Window, size: tuple[int, int]) -> None:
    counted = tuple(len(starts(window, size[axis], axis)) for axis in (0, 1))
    assert tuple(max(extent, 0) for extent in window.output(size)) == counted


@pytest.mark.parametrize(("kernel", "dilation", "extent"), [(1, 3, 1), (3, 1, 3), (3, 2, 5), (5, 3, 13)])
def test_extent(kernel: int, dilation: int, extent: int) -> None:
    window = Window((kernel, 1), (1, 1), (dilation, 2), (0, 0))
    assert (window.extent(0), window.extent(1)) == (extent, 1)


@LIGHT
@given(windows, sizes, st.integers(-3, 3))
def test_pad_surrounds_the_map(window: Window, size: tuple[int, int], fill: int) -> None:
    values = numbered(size)
    padded = window.pad(values, fill)
    rows, columns = window.padding
    assert padded.shape == (2, size[0] + 2 * rows, size[1] + 2 * columns, 3)
    assert np.array_equal(padded[:, rows : rows + size[0], columns : columns + size[1]], values)
    assert np.count_nonzero(padded == fill) == np.count_nonzero(values == fill) + padded.size - values.size


@LIGHT
@given(windows, sizes)
def test_gather_takes_every_tap(window: Window, size: tuple[int, int]) -> None:
    rows, columns = (starts(window, size[axis], axis) for axis in (0, 1))
    assume(rows and columns)
    padded = window.pad(numbered(size), 0)
    gathered = window.gather(padded)
    assert gathered.shape == (2, len(rows), len(columns), *window.kernel, 3)
    for row, column, down, right in np.ndindex(*gathered.shape[1:5]):
        source = padded[:, rows[row] + down * window.dilation[0], columns[column] + right * window.dilation[1]]
        assert np.array_equal(gathered[:, row, column, down, right], source)


def test_gather_copies_nothing() -> None:
    padded = numbered((9, 9))
    assert np.shares_memory(Window((3, 3), (2, 1), (1, 2), (0, 0)).gather(padded), padded)
