import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

from tests.ops.oracle import assert_reference
from tests.ops.wrong import NOT_POSITIVE
from tests.strategies import ACCUMULATOR, LIGHT, Array, anchor_pools, by_name, random_inputs, seeds
from tvm_bnn.ops import AnchorPool, operator_from_signature
from tvm_bnn.ops.anchors import windows

PLAIN = AnchorPool(1, 9, 13, 5)


def pooled_by_loops(operator: AnchorPool, x: Array) -> Array:
    """Every anchor by itself, in Python integers."""
    anchors = np.zeros(operator.accumulator_shape(), np.int32)
    for n, channel in np.ndindex(operator.batch, operator.channels):
        means = [
            sixteenths(x[n, top:bottom, left:right, channel].ravel().tolist())
            for grid in operator.grids
            for top, bottom in plain_windows(operator.height, grid)
            for left, right in plain_windows(operator.width, grid)
        ]
        anchors[n, 0, :, channel] = means
    return anchors


def plain_windows(size: int, grid: int) -> list[tuple[int, int]]:
    """The windows by what they cover: every row that overlaps the i-th of ``grid`` equal parts."""
    covers = [
        [row for row in range(size) if row * grid < (i + 1) * size and (row + 1) * grid > i * size] for i in range(grid)
    ]
    return [(rows[0], rows[-1] + 1) for rows in covers]


def sixteenths(numbers: list[int]) -> int:
    """The nearest integer to 16 times the mean, the greater of two."""
    return (32 * sum(numbers) + len(numbers)) // (2 * len(numbers))


@LIGHT
@given(anchor_pools(), seeds)
def test_anchors_are_means_of_windows(operator: AnchorPool, seed: int) -> None:
    inputs = random_inputs(operator, np.random.default_rng(seed))
    assert_reference(operator, inputs, pooled_by_loops(operator, by_name(operator, inputs)["x"]))


@LIGHT
@given(anchor_pools(epilogue=ACCUMULATOR), seeds)
def test_windows_are_those_of_torch(operator: AnchorPool, seed: int) -> None:
    """Rounding moves sixteenths by half at most, and so they may from torch's in float64."""
    (x,) = random_inputs(operator, np.random.default_rng(seed))
    maps = torch.from_numpy(np.moveaxis(x, -1, 1).astype(np.float64))
    pools = [torch.nn.functional.adaptive_avg_pool2d(maps, grid).flatten(2) for grid in operator.grids]
    wanted = np.moveaxis(torch.cat(pools, dim=2).numpy(), 1, -1)
    assert np.abs(operator.accumulate(x)[:, 0] - 16 * wanted).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("size", range(1, 30))
def test_windows_cover_every_row(size: int) -> None:
    for grid in range(1, size + 1):
        assert windows(size, grid) == plain_windows(size, grid)


@pytest.mark.parametrize(
    ("values", "mean"), [([1, 2], 24), ([-1, -2], -24), ([0, 0, 1], 5), ([0] * 31 + [1], 1), ([-1] + [0] * 31, 0)]
)
def test_half_rounds_up(values: list[int], mean: int) -> None:
    operator = AnchorPool(1, 1, len(values), 1, ACCUMULATOR, (1,))
    x = np.array(values, np.int16).reshape(1, 1, -1, 1)
    assert operator.accumulate(x).tolist() == [[[[mean]]]]


@pytest.mark.parametrize("value", [-32768, 32767])
def test_the_largest_map_reaches_the_bound_and_no_more(value: int) -> None:
    operator = AnchorPool(1, 256, 256, 1, ACCUMULATOR, (1, 2))
    accumulator = operator.accumulate(np.full((1, 256, 256, 1), value, np.int16))
    assert np.unique(accumulator).tolist() == [16 * value]
    assert operator.accumulator_bound() == 16 * 32768
    with pytest.raises(ValueError, match="window of 65792 pixels could leave int32"):
        dataclasses.replace(operator, height=256, width=257)


def test_only_the_largest_window_counts() -> None:
    assert AnchorPool(1, 256, 256, 1, grids=(2, 4)).largest_window == 128 * 128
    assert AnchorPool(1, 7, 9, 1, grids=(5, 2)).largest_window == 4 * 5


@pytest.mark.parametrize(
    "grids", [(), (1, 1), (3, 1, 3), 3, "136", None, {1: 2}, *((grid,) for grid in NOT_POSITIVE), (1, -1)]
)
def test_wrong_grids_are_refused(grids: Any) -> None:
    with pytest.raises(ValueError, match=r"^anchor_pool: .*(grids|grid of)"):
        dataclasses.replace(PLAIN, grids=grids)


@pytest.mark.parametrize("name", ["batch", "height", "width", "channels"])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_maps_without_a_size_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^anchor_pool: expected {name}"):
        dataclasses.replace(PLAIN, **{name: value})


def test_grids_survive_the_signature() -> None:
    operator = dataclasses.replace(PLAIN, grids=(3, 2))
    read = operator_from_signature(operator.signature)
    assert read == operator
    assert isinstance(read, AnchorPool)
    assert read.grids == (3, 2)


def test_shapes_cost_and_label() -> None:
    assert PLAIN.outputs()[0].shape == (1, 1, 110, 5)
    assert PLAIN.at((2, 20, 30, 5)).accumulator_shape() == (2, 1, 110, 5)
    assert (PLAIN.cost().ops, PLAIN.cost().other) == (0, 110 * 5)
    assert PLAIN.label() == "anchor_pool 1+3+6+8 5 9x13"
