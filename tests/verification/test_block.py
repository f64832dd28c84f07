import pytest

from tests.verification.nets import block_of
from tvm_bnn.errors import UsageError
from tvm_bnn.ops import AvgPool2d, PooledAttention
from tvm_bnn.verification.block import blocks
from tvm_bnn.verification.formulas import Shape

ATTEND = PooledAttention(1, 4, 6, 9, 32, 48)


def test_a_block_is_what_stands_in_one_module() -> None:
    block = block_of(4, 6)
    assert block.name == "net.a"
    assert [name for name, _ in block.operators] == ["net.a.anchors", "net.a.query", "net.a.attend", "net.a.gate"]
    assert block.shape == Shape(height=4, width=6, channels=64, ck=64, cv=64, anchors=5)


def test_an_attention_by_itself_is_a_block() -> None:
    (block,) = blocks([("pool", AvgPool2d(1, 8, 8, 64)), ("attend", ATTEND)])
    assert (block.name, block.operators) == ("attend", (("attend", ATTEND),))
    assert block.shape.channels == 48


def test_a_network_may_have_several() -> None:
    assert [block.name for block in blocks([("a.attend", ATTEND), ("b.attend", ATTEND)])] == ["a", "b"]


def test_a_network_without_attention() -> None:
    with pytest.raises(UsageError, match="expected a model with a PooledBinaryAttention, got one without"):
        blocks([("pool", AvgPool2d(1, 8, 8, 64))])
