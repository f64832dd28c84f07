from dataclasses import replace

import numpy as np
import pytest

from tests.lowering.running import assembly, compare, require
from tests.strategies import ACCUMULATOR
from tvm_bnn.lowering.attention_quads import PooledAttentionQuads, channel_vectors
from tvm_bnn.ops import Epilogue, PooledAttention
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.attention import AttentionQuadLoops
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import load

BOARD = load("rpi5")
PLAIN = PooledAttention(1, 2, 6, 110, 64, 128, epilogue=ACCUMULATOR)
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
ODD: tuple[PooledAttention, ...] = (
    PooledAttention(2, 2, 6, 110, 64, 128, epilogue=FULL),
    PooledAttention(1, 1, 7, 1, 1, 16, 8, epilogue=ACCUMULATOR),
    PooledAttention(1, 2, 3, 17, 33, 48, 3, epilogue=Epilogue(outputs=("byte",))),
    PooledAttention(1, 1, 5, 258, 127, 32, 8, epilogue=ACCUMULATOR),
)


def test_what_is_declined() -> None:
    lowering = PooledAttentionQuads()
    assert "asimddp" in str(lowering.declines(PLAIN, load("rpi4")))
    assert "a table of 129 weights" in str(lowering.declines(replace(PLAIN, key_channels=128), BOARD))
    assert "136 value channels" in str(lowering.declines(replace(PLAIN, value_channels=136), BOARD))
    assert lowering.declines(replace(PLAIN, anchors=258, value_bits=8), BOARD) is None


def test_channels_fill_vectors() -> None:
    assert channel_vectors(PLAIN) == 32


@pytest.mark.parametrize("operator", ODD, ids=lambda operator: operator.label())
def test_odd_shapes(operator: PooledAttention) -> None:
    require(BOARD)
    space, setting = AttentionQuadLoops(), Setting(operator, BOARD, 1)
    compare(PooledAttentionQuads(), space, setting, [Point(space.tiles(setting)[0])])


@pytest.mark.parametrize("word", [0, -1])
def test_sums_at_the_ends_of_their_range(word: int) -> None:
    require(BOARD)
    operator = PooledAttention(1, 1, 3, 258, 64, 16, 8, epilogue=ACCUMULATOR)
    query, key = np.zeros((1, 1, 3, 2), np.int32), np.full((1, 1, 258, 2), -1, np.int32)
    value = np.full((1, 1, 258, 16), word, np.int32)
    value[..., 1::2] = 0
    value[..., ::2] &= 0xFFFF
    arrays: list[Array] = [query, key, value, np.full(65, 255, np.uint8)]
    compare(PooledAttentionQuads(), AttentionQuadLoops(), Setting(operator, BOARD, 1), [], arrays)


def test_sums_stay_in_the_registers() -> None:
    text = assembly(PooledAttentionQuads(), AttentionQuadLoops(), replace(PLAIN, width=12), BOARD)
    loops = [body.split("\n\tb.")[0] for body in text.split("\n.LBB")]
    inner = max(loops, key=lambda body: body.count("\tudot\t"))
    assert inner.count("\tudot\t") >= 16
    assert "[sp" not in inner
