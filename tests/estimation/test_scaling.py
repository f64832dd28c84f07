from dataclasses import replace

import pytest

from tvm_bnn.estimation import scaling
from tvm_bnn.estimation.estimate import estimate
from tvm_bnn.estimation.scaling import stops
from tvm_bnn.lowering.registry import row_named, rows_for
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
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("signs", "stream"))


def tile(*extents: int) -> Point:
    return Point(extents)


def test_small_operators_are_whole() -> None:
    assert stops(Conv2d(1, 56, 56, 64, 64, epilogue=SIGNS), tile(4, 4, 4)) is None


def test_the_largest_output_is_watched() -> None:
    found = stops(Conv2d(1, 256, 512, 64, 64, epilogue=FULL), tile(1, 4, 4))
    assert found is not None
    assert (found.output, found.row_bytes, found.rows) == (1, 512 * 64 * 2, 256)
    assert 0 < found.low < found.high < 256 * 0.6


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_stops_lie_between_tiles_and_pages(rows: int) -> None:
    """1248 / 4 pixels of 64 bits are 2496 bytes: 64 rows fill 39 pages."""
    found = stops(Conv2d(1, 1536, 312, 64, 64, epilogue=SIGNS), tile(rows, 4, 4))
    assert found is not None
    assert found.low % rows == found.high % rows == 0
    assert found.low * found.row_bytes % 4096 == found.high * found.row_bytes % 4096 == 0


def test_a_head_is_large_enough() -> None:
    """21 rows of the output of a window of 7 begin at row 40 - 3 of the input at last and end 7 later."""
    conv = RealConv2d(1, 512, 1024, 3, 64, kernel=(7, 7), stride=(2, 2), padding=(3, 3))
    found = stops(conv, tile(1, 4, 4))
    assert found is not None
    assert 2 * found.high + 4 <= found.head.inputs()[0].shape[1] < 512


@pytest.mark.parametrize(
    "operator",
    [
        Conv2d(2, 256, 512, 64, 64, epilogue=SIGNS),
        AnchorPool(1, 256, 256, 512),
        Conv2d(1, 100, 312, 128, 128, kernel=(5, 5), padding=(2, 2), epilogue=SIGNS),
    ],
    ids=["several pictures", "no rows", "too few rows fill pages"],
)
def test_what_cannot_be_stopped_is_whole(operator: Operator) -> None:
    assert stops(operator, tile(4, 4, 4)) is None


def test_a_line_through_two_stops() -> None:
    found = stops(Conv2d(1, 256, 512, 64, 64, epilogue=SIGNS), tile(1, 4, 4))
    assert found is not None
    assert found.whole(5 + 10 * found.low, 5 + 10 * found.high) == pytest.approx(5 + 10 * 256)


TALL: tuple[Operator, ...] = (
    Conv2d(1, 41, 32, 64, 64, epilogue=FULL),
    Conv2d(1, 100, 128, 64, 64, stride=(2, 2), pad_value="zero", epilogue=SIGNS),
    Dense(4000, 128, 128, epilogue=SIGNS),
    RealConv2d(1, 96, 64, 3, 16, stride=(2, 2), epilogue=Epilogue(outputs=("byte",))),
    Upsample2x(1, 40, 32, 64, epilogue=Epilogue(outputs=("stream", "signs"))),
    PooledAttention(1, 64, 32, 20, 64, 64, epilogue=Epilogue(outputs=("stream", "signs"))),
    ChannelGate(1, 40, 32, 64, epilogue=Epilogue(outputs=("stream",))),
    Labels(1, 40, 32, 19, 4),
)


@pytest.mark.parametrize("operator", TALL, ids=lambda operator: operator.label())
def test_the_first_rows_against_all(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 2 %, where a ragged end or the borders differ from the rows between; most differ by less than 0.5."""
    row = rows_for(operator, BOARD)[0]
    default = row.space.default(Setting(operator, BOARD, 1))
    point = replace(default, variant={**default.variant, "order": "pixels"} if default.variant else {})
    full = estimate(operator, row, point, BOARD, 0)
    monkeypatch.setattr(scaling, "_WHOLE", 0)
    monkeypatch.setattr(scaling, "_PIECE", 1)
    monkeypatch.setattr(scaling, "_MOST", 1)
    assert stops(operator, point) is not None
    # What cannot be extrapolated would be run to its end.
    monkeypatch.setattr("tvm_bnn.estimation.estimate._from_end_to_end", None)
    top = estimate(operator, row, point, BOARD, 0)
    assert (full.mismatch, top.mismatch) == ("", "")
    assert top.cycles == pytest.approx(full.cycles, rel=0.02)
    assert top.instructions == pytest.approx(full.instructions, rel=0.02)


def test_filters_first_is_run_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """When such a kernel comes to a row for the first time, the other filters of the rows before are not there yet."""
    conv = Conv2d(1, 32, 64, 128, 128, epilogue=Epilogue(outputs=("stream",)))
    row = row_named(conv, BOARD, "popcount-lanes")
    assert row is not None
    point = Point((1, 4, 4), {"order": "filters", "unroll": 0})
    full = estimate(conv, row, point, BOARD, 0)
    monkeypatch.setattr(scaling, "_WHOLE", 0)
    monkeypatch.setattr(scaling, "_PIECE", 1)
    assert stops(conv, point) is not None
    assert estimate(conv, row, point, BOARD, 0) == full
