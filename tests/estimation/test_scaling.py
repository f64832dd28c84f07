import itertools

import pytest

from tvm_bnn.estimation import scaling
from tvm_bnn.estimation.estimate import estimate
from tvm_bnn.estimation.scaling import Cuts, cuts
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import (
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
from tvm_bnn.targets import load

BOARD = load("rpi4")
SIGNS = Epilogue(outputs=("signs",))
LARGE = Conv2d(1, 259, 512, 64, 64, epilogue=SIGNS)


def tile(*extents: int) -> Point:
    return Point(extents)


def test_small_operators_are_whole() -> None:
    conv = Conv2d(1, 56, 56, 64, 64, epilogue=SIGNS)
    assert cuts(conv, tile(4, 4, 4)) == Cuts((conv,), (56,), 56)
    assert cuts(conv, tile(4, 4, 4)).whole([7.0]) == 7.0


@pytest.mark.parametrize(("rows", "stride"), [*itertools.product((1, 3, 4), (1, 2))])
def test_cuts_end_as_the_map_does(rows: int, stride: int) -> None:
    conv = Conv2d(1, 259, 1024, 64, 64, stride=(stride, stride), epilogue=SIGNS)
    found = cuts(conv, tile(rows, 4, 4))
    low, high = found.rows
    assert low < high < found.full == 259
    assert {count % (rows * stride) for count in found.rows} == {259 % (rows * stride)}
    assert [operator.inputs()[0].shape[1] for operator in found.operators] == [low, high]


def test_dense_layers_are_cut_by_columns() -> None:
    found = cuts(Dense(1_000_003, 128, 128, epilogue=SIGNS), tile(1, 6, 4))
    assert {count % 6 for count in found.rows} == {1_000_003 % 6}


def test_maps_under_grids_are_whole() -> None:
    assert cuts(AnchorPool(1, 256, 256, 512), Point()).rows == (256,)


def test_a_line_through_two_cuts() -> None:
    found = Cuts((LARGE, LARGE), (3, 7), 259)
    assert found.whole([5 + 10 * 3, 5 + 10 * 7]) == 5 + 10 * 259


TALL: tuple[Operator, ...] = (
    Conv2d(1, 41, 32, 64, 64, epilogue=Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))),
    Conv2d(1, 66, 34, 64, 64, stride=(2, 2), pad_value="zero", epilogue=SIGNS),
    Dense(1001, 128, 128, epilogue=SIGNS),
    RealConv2d(1, 96, 64, 3, 16, stride=(2, 2), epilogue=Epilogue(outputs=("byte",))),
    Upsample2x(1, 40, 32, 64, epilogue=Epilogue(outputs=("stream", "signs"))),
    PooledAttention(1, 40, 16, 20, 64, 64, epilogue=SIGNS),
    ChannelGate(1, 40, 32, 64, epilogue=Epilogue(outputs=("stream",))),
    Labels(1, 40, 32, 19, 4),
)


@pytest.mark.parametrize("operator", TALL, ids=lambda operator: operator.label())
def test_cuts_against_the_full_map(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 2 %, where the compiler writes out the ends of loops in another way; most are equal."""
    row = rows_for(operator, BOARD)[0]
    point = row.space.default(Setting(operator, BOARD, 1))
    full = estimate(operator, row, point, BOARD, 0)
    monkeypatch.setattr(scaling, "_WHOLE", 0)
    monkeypatch.setattr(scaling, "_CUT", 0)
    assert len(cuts(operator, point).operators) == 2
    cut = estimate(operator, row, point, BOARD, 0)
    assert (full.mismatch, cut.mismatch) == ("", "")
    assert cut.cycles == pytest.approx(full.cycles, rel=0.02)
    assert cut.instructions == pytest.approx(full.instructions, rel=0.02)
