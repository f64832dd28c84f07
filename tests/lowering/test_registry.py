"""Every lowering of the registry, with its default arrangement, against the integer reference."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import BY_KIND, ODD_CONVS, random_inputs, seeds
from tvm_bnn._tvm import build, tvm
from tvm_bnn.lowering.registry import ROWS, Row, rows_for
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Labels, Operator, RealConv2d, Upsample2x
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, resolve_host

TARGET = resolve_host()


def run(row: Row, operator: Operator, arrays: list[Any], point: Point | None, threads: int) -> list[Any]:
    """Build the row's kernel for this host and run it once."""
    setting = Setting(operator, target, threads)
    function = row.lowering.function(operator, target)
    chosen = row.space.default(setting) if point is None else point
    kernel = build(row.space.scheduled(function, setting, chosen), target.tvm_target(threads))
    inputs = [tvm.runtime.tensor(array) for array in row.lowering.pack_inputs(operator, target, arrays)]
    outputs = [tvm.runtime.empty(spec.shape, spec.dtype) for spec in operator.outputs()]
    kernel["main"](*inputs, *outputs)
    return [output.numpy() for output in outputs]


def check(operator: Operator, seed: int, point: Point | None = None, threads: int = 2) -> None:
    """All accepting rows give the reference's bytes."""
    arrays = random_inputs(operator, np.random.default_rng(seed))
    expected = operator.reference(*arrays)
    for row in rows_for(operator, TARGET):
        for spec, want, got in zip(operator.outputs(), expected, run(row, operator, arrays, TARGET, point, threads), strict=True):
            np.testing.assert_array_equal(got, want, f"{row.lowering.name} {spec.name} of {operator.label()}")


@pytest.mark.parametrize("operator", ODD_CONVS, ids=lambda operator: operator.label())
def test_odd_convolutions(operator: Conv2d) -> None:
    check(operator, seed=1)


@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("kind", sorted({row.lowering.kind for row in ROWS}))
@given(data=st.data(), seed=seeds)
def test_any_operator(kind: str, data: st.DataObject, seed: int) -> None:
    check(data.draw(BY_KIND[kind]), seed)


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
    Labels(1, 6, 48, 19, 4),
)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("operator", TILED, ids=lambda operator: operator.label())
def test_whole_vectors(operator: Operator, threads: int) -> None:
    check(operator, seed=2, threads=threads)


@pytest.mark.parametrize("operator", TILED, ids=lambda operator: operator.label())
def test_points_of_the_space(operator: Operator) -> None:
    """Some points of every space, ragged tiles among them, give the same bytes."""
    rng = np.random.default_rng(3)
    setting = Setting(operator, TARGET, 2)
    space = rows_for(operator, TARGET)[0].space
    tiles, variants = space.tiles(setting) or [()], space.variants(setting)
    for _ in range(4):
        point = Point(tiles[rng.integers(len(tiles))], variants[rng.integers(len(variants))])
        check(operator, seed=4, point=point)
