from collections.abc import Sequence

import pytest

from tests.verification.nets import block_of
from tvm_bnn.ops import Operator
from tvm_bnn.targets import load
from tvm_bnn.tuning.plan import Choice, default_choice
from tvm_bnn.verification.clock import Clock, DenseTime
from tvm_bnn.verification.model import Attention
from tvm_bnn.verification.promises import Promise
from tvm_bnn.verification.verify import verify_block

TARGET = load("cpu-portable")


class Told(Clock):
    """A millisecond an operator; dense attention takes 300, and 40 for the rest."""

    evidence = "measured"

    def operators(self, operators: Sequence[tuple[Operator, Choice]]) -> list[float]:
        return [1.0 for _ in operators]

    def dense(self, shape: object) -> DenseTime:
        return DenseTime({"slow": 600.0, "fast": 300.0}, 40.0)


def verified(promise: Promise | None = None) -> Attention:
    def choose(operator: Operator) -> Choice:
        return default_choice(operator, TARGET, 2)

    return verify_block(block_of(8, 16), choose, Told(TARGET, 2), promise)


def test_formulas() -> None:
    """128 tokens, 64 channels throughout, 5 anchors: scores of 1x1 bit, mixing of 8x1 bits, one binary projection."""
    found = verified()
    tokens, wide, anchors = 128, 64, 5
    assert found.dense.products.flops == 2 * tokens**2 * 2 * wide
    assert found.dense.block.ops == found.dense.products.flops + 2 * (tokens * 3 * wide**2 + wide**2)
    assert found.ours.products.flops == 2 * tokens * anchors * 2 * wide
    assert found.ours.products.ops == 2 * tokens * anchors * wide * (1 / 64 + 1 / 8)
    assert found.ours.block.ops == found.ours.products.ops + 2 * tokens * wide**2 / 64
    assert found.ratio.products_flops == pytest.approx(tokens / anchors)
    assert (found.key_bits, found.weight_bits, found.value_bits) == (1, 8, 1)


def test_counts() -> None:
    """More than the formulas: padding, softmax and epilogue are in the loops."""
    found = verified()
    assert found.dense.counted.products_flops == found.dense.products.flops
    assert (found.dense.counted.exponentials, found.dense.counted.divisions) == (128**2, 128 * 64)
    counted = found.ours.counted
    assert counted.flops == 0
    assert counted.bops >= 2 * 128 * 5 * 64 + 2 * 128 * 64**2
    assert found.ours.products.flops <= counted.products_operations <= 2.5 * found.ours.products.flops
    assert found.ratio.products_counted < found.ratio.products_flops
    assert counted.lookups >= 128 * 5
    assert counted.divisions >= 128


def test_times() -> None:
    found = verified()
    assert [(way.name, way.products_ms, way.block_ms) for way in found.dense.ways] == [
        ("slow", 600, 640),
        ("fast", 300, 340),
    ]
    assert (found.dense.products.ms, found.dense.block.ms) == (300, 340)
    assert (found.ours.products.ms, found.ours.block.ms) == (1, 4)
    assert (found.ratio.products_latency, found.ratio.block_latency) == (300, 85)
    assert [operator.name for operator in found.ours.operators][-2:] == ["net.a.attend", "net.a.gate"]


def test_memory() -> None:
    found = verified()
    assert found.dense.memory_bytes == 4 * (128**2 + 4 * 128 * 64)
    assert found.ours.memory_bytes >= 128 * (8 + 2 * 64)
    assert found.ratio.memory == found.dense.memory_bytes / found.ours.memory_bytes


@pytest.mark.parametrize(
    ("promise", "kept"),
    [(None, True), (Promise(25, 50), True), (Promise(26, 50), False), (Promise(25, 1000), False)],
)
def test_a_promise_is_kept_or_broken(promise: Promise | None, kept: bool) -> None:
    found = verified(promise)
    assert found.passed == kept
    assert found.promised.products_flops == (promise.products_flops if promise else None)


def test_others_are_listed() -> None:
    assert [other.name for other in verified().others] == [
        *("criss-cross", "interlaced 8x8", "EM, 64 bases x 3", "linear", "pooled, float"),
    ]
