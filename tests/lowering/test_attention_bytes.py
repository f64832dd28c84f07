from dataclasses import replace

import numpy as np
import pytest

from tests.lowering.layouts import AVX512
from tests.lowering.running import assembly, compare, require
from tests.ops.oracle import plain_pack
from tests.strategies import ACCUMULATOR
from tvm_bnn.lowering.attention_bytes import PooledAttentionBytes, channel_vectors
from tvm_bnn.ops import Epilogue, PooledAttention
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.attention import AttentionByteLoops
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load

BOARD = load("rpi4")
PLAIN = PooledAttention(1, 2, 6, 110, 64, 128, epilogue=ACCUMULATOR)
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
ODD: tuple[PooledAttention, ...] = (
    PooledAttention(2, 2, 6, 110, 64, 128, epilogue=FULL),
    PooledAttention(1, 1, 7, 1, 1, 16, epilogue=ACCUMULATOR),
    PooledAttention(1, 2, 3, 17, 33, 48, epilogue=Epilogue(outputs=("byte",))),
    PooledAttention(1, 1, 5, 128, 127, 32, epilogue=ACCUMULATOR),
)


@pytest.mark.parametrize(
    ("operator", "target", "reason"),
    [
        (PLAIN, BOARD, None),
        (replace(PLAIN, key_channels=127), BOARD, None),
        (replace(PLAIN, key_channels=128), BOARD, "a table of 129 weights is more than 128 bytes"),
        (replace(PLAIN, value_bits=2), BOARD, "values of 2 bits are not +1 or -1"),
        (replace(PLAIN, anchors=128), BOARD, None),
        (replace(PLAIN, anchors=129), BOARD, "sums of 129 weights leave 16 bits"),
        (replace(PLAIN, value_channels=136), BOARD, "136 value channels do not fill vectors of 16"),
        (PLAIN, AVX512, "does not promise asimd"),
    ],
)
def test_what_is_declined(operator: PooledAttention, target: Target, reason: str | None) -> None:
    declined = PooledAttentionBytes().declines(operator, target)
    assert declined == reason if reason is None else reason in str(declined)


def test_channels_fill_vectors() -> None:
    assert [channel_vectors(replace(PLAIN, value_channels=count)) for count in (16, 48)] == [1, 3]


@pytest.mark.parametrize(("channels", "size"), [(1, 64), (63, 64), (64, 80), (127, 128)])
def test_the_table_fills_registers(channels: int, size: int) -> None:
    operator, table = replace(PLAIN, key_channels=channels), np.arange(channels + 1, dtype=np.uint8)
    found = PooledAttentionBytes().pack(operator, BOARD, {"table": table})["table"]
    (spec,) = (spec for spec in PooledAttentionBytes().parameters(operator, BOARD) if spec.name == "table")
    assert (found.shape, str(found.dtype)) == (spec.shape, spec.dtype) == ((size,), "uint8")
    np.testing.assert_array_equal(found[: channels + 1], table)


@pytest.mark.parametrize("operator", ODD, ids=lambda operator: operator.label())
def test_odd_shapes(operator: PooledAttention) -> None:
    require(BOARD)
    space, setting = AttentionByteLoops(), Setting(operator, BOARD, 1)
    compare(PooledAttentionBytes(), space, setting, [Point(space.tiles(setting)[0])])


@pytest.mark.parametrize("bit", [0, 1])
def test_sums_at_the_ends_of_their_type(bit: int) -> None:
    """All weights 255 and all values at one end; every other channel at the other."""
    require(BOARD)
    operator = PooledAttention(1, 1, 3, 128, 64, 32, epilogue=ACCUMULATOR)
    query, key = np.zeros((1, 1, 3, 2), np.int32), np.full((1, 1, 128, 2), -1, np.int32)
    value = plain_pack(np.broadcast_to(np.arange(32) % 2 == bit, (1, 1, 128, 32)).astype(np.int64))
    arrays: list[Array] = [query, key, value, np.full(65, 255, np.uint8)]
    compare(PooledAttentionBytes(), AttentionByteLoops(), Setting(operator, BOARD, 1), [], arrays)


@pytest.mark.parametrize("channels", [33, 64, 100])
def test_the_first_and_the_last_entry_of_the_table(channels: int) -> None:
    """One anchor is the query itself and one its opposite; all others are far away too."""
    require(BOARD)
    operator = PooledAttention(1, 1, 1, 19, channels, 16, epilogue=ACCUMULATOR)
    bits = np.zeros((1, 1, 19, channels), np.int64)
    bits[0, 0, 18], bits[0, 0, 3, :1] = 1, 1
    value = plain_pack(np.arange(19 * 16).reshape(1, 1, 19, 16) % 3 % 2)
    table = np.array([200, *[7] * (channels - 1), 90], np.uint8)
    arrays: list[Array] = [plain_pack(np.ones((1, 1, 1, channels), np.int64)), plain_pack(bits), value, table]
    compare(PooledAttentionBytes(), AttentionByteLoops(), Setting(operator, BOARD, 1), [], arrays)


def test_weights_of_zero_divide_by_one() -> None:
    require(BOARD)
    rng = np.random.default_rng(0)
    shapes = ((1, 2, 6, 2), (1, 1, 110, 2), (1, 1, 110, 4))
    arrays: list[Array] = [
        *(rng.integers(-(2**31), 2**31, shape, np.int32) for shape in shapes),
        np.zeros(65, np.uint8),
    ]
    compare(PooledAttentionBytes(), AttentionByteLoops(), Setting(PLAIN, BOARD, 1), [], arrays)


def test_both_pipes_sum_and_sums_stay_in_the_registers() -> None:
    text = assembly(PooledAttentionBytes(), AttentionByteLoops(), replace(PLAIN, width=12), BOARD)
    loops = [body.split("\n\tb.")[0] for body in text.split("\n.LBB")]
    inner = max(loops, key=lambda body: body.count("\tuabal\t"))
    assert inner.count("\tuabal\t") == inner.count("\tumlal\t") >= 8
    assert "[sp" not in inner
    assert "\ttbl\t" in text
