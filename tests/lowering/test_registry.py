"""Every lowering of the registry, with its default arrangement, against the integer reference."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lowering import running
from tests.strategies import BY_KIND, ODD_CONVS, random_inputs, seeds
from tvm_bnn.lowering.registry import ROWS, Row, rows_for
from tvm_bnn.ops import (
    AccumulatingOperator,
    AnchorPool,
    ChannelGate,
    Conv2d,
    Dense,
    Epilogue,
    Labels,
    Operator,
    PooledAttention,
    RealConv2d,
    Upsample2x,
)
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.lanes import Lanes
from tvm_bnn.targets import resolve_host

TARGET = resolve_host()


def run(row: Row, operator: Operator, arrays: list[Any], point: Point | None, threads: int) -> list[Any]:
    """Build the row's kernel for this host and run it once."""
    setting = Setting(operator, TARGET, threads)
    chosen = row.space.default(setting) if point is None else point
    return running.run(row.lowering, row.space, setting, chosen, arrays)


def check(
    operator: Operator, seed: int, rows: list[Row], points: Sequence[Point | None] = (None,), threads: int = 2
) -> None:
    """The rows give the reference's bytes, arranged by every one of the points."""
    arrays = random_inputs(operator, np.random.default_rng(seed))
    expected = operator.reference(*arrays)
    for row, point in itertools.product(rows, points):
        found = run(row, operator, arrays, point, threads)
        for spec, want, got in zip(operator.outputs(), expected, found, strict=True):
            named = f"{row.lowering.name} {point} {spec.name} of {operator.label()}"
            np.testing.assert_array_equal(got, want, named)


@pytest.mark.parametrize("operator", ODD_CONVS, ids=lambda operator: operator.label())
def test_odd_convolutions(operator: Conv2d) -> None:
    check(operator, 1, rows_for(operator, TARGET))


@settings(max_examples=8, deadline=None)
@pytest.mark.parametrize("kind", sorted({row.lowering.kind for row in ROWS}))
@given(data=st.data(), seed=seeds)
def test_any_operator(kind: str, data: st.DataObject, seed: int) -> None:
    operator = data.draw(BY_KIND[kind])
    check(operator, seed, rows_for(operator, TARGET))


FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
TILED: tuple[Operator, ...] = (
    Conv2d(1, 12, 39, 64, 64, epilogue=FULL),
    Conv2d(1, 13, 11, 128, 128, stride=(2, 2), pad_value="zero", epilogue=FULL),
    Conv2d(2, 6, 7, 64, 192, groups=1, epilogue=Epilogue(outputs=("signs",))),
    Conv2d(1, 5, 9, 256, 128, groups=2, epilogue=Epilogue(outputs=("byte", "signs"))),
    Dense(37, 200, 128, epilogue=Epilogue(outputs=("stream", "signs"))),
    RealConv2d(1, 20, 24, 3, 16, stride=(2, 2), epilogue=Epilogue(outputs=("byte",))),
    RealConv2d(1, 9, 10, 16, 64, stride=(2, 2), epilogue=Epilogue(rprelu=True, outputs=("stream", "signs"))),
    RealConv2d(1, 8, 9, 64, 2, kernel=(1, 1), padding=(0, 0), input_dtype="int16", epilogue=Epilogue()),
    Upsample2x(1, 6, 13, 64, epilogue=FULL),
    AnchorPool(2, 17, 24, 64, epilogue=FULL),
    PooledAttention(2, 9, 12, 110, 64, 128, epilogue=FULL),
    PooledAttention(1, 5, 6, 16, 128, 64, 4, epilogue=Epilogue(outputs=("byte", "codes"), code_bits=3)),
    ChannelGate(2, 6, 13, 64, epilogue=FULL),
    Labels(1, 6, 48, 19, 4),
)


@pytest.mark.parametrize("operator", TILED, ids=lambda operator: operator.label())
def test_whole_vectors(operator: Operator) -> None:
    check(operator, 2, rows_for(operator, TARGET))


@pytest.mark.parametrize("operator", TILED, ids=lambda operator: operator.label())
def test_one_thread(operator: Operator) -> None:
    """Threads only decide whether a loop is parallel, so the preferred lowering stands for the others."""
    check(operator, 2, rows_for(operator, TARGET)[:1], threads=1)


TUNABLE = [
    pytest.param(row, operator, id=f"{row.lowering.name} {operator.label()}")
    for operator in TILED
    for row in rows_for(operator, TARGET)
    if row.space.points(Setting(operator, TARGET, 2)) > 1
]


@pytest.mark.parametrize(("row", "operator"), TUNABLE)
def test_points_of_the_space(row: Row, operator: Operator) -> None:
    """Some points of every space, a ragged tile among them where there is one, give the same bytes."""
    check(operator, 4, [row], some_points(row, Setting(operator, TARGET, 2), np.random.default_rng(3)))


def some_points(row: Row, setting: Setting, rng: np.random.Generator) -> list[Point]:
    """One by chance, and where tiles may be ragged, such a one in the other order of the loops."""
    tiles, variants = row.space.tiles(setting), row.space.variants(setting)
    chosen = [tiles[rng.integers(len(tiles))]]
    if isinstance(row.space, Lanes) and row.space.ragged:
        rows, columns = map_size(setting.operator)
        ragged = [tile for tile in tiles if rows % tile[0] or columns % tile[1]]
        chosen.insert(0, ragged[rng.integers(len(ragged))])
    return [Point(tile, variants[n * len(variants) // len(chosen)]) for n, tile in enumerate(chosen)]


def map_size(operator: Operator) -> tuple[int, int]:
    """Rows and columns of the accumulator."""
    assert isinstance(operator, AccumulatingOperator)
    shape = operator.accumulator_shape()
    return (shape[1], shape[2]) if len(shape) == 4 else (1, shape[0])
