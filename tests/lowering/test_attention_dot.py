from dataclasses import replace

import numpy as np
import pytest

from tests.lowering.layouts import AVX2, AVX512
from tvm_bnn._tvm import build
from tvm_bnn.lowering.attention_dot import PooledAttentionDot, channel_vectors, padded_anchors
from tvm_bnn.ops import PooledAttention
from tvm_bnn.spaces.attention import AttentionDotLoops
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target

PLAIN = PooledAttention(1, 2, 6, 110, 64, 128)


@pytest.mark.parametrize(
    ("operator", "target", "reason"),
    [
        (PLAIN, AVX512, None),
        (replace(PLAIN, key_channels=127), AVX512, None),
        (replace(PLAIN, key_channels=128), AVX512, "a table of 129 weights is more than 128 bytes"),
        (replace(PLAIN, value_bits=7), AVX512, None),
        (replace(PLAIN, value_bits=8), AVX512, "values of 8 bits leave int8"),
        (replace(PLAIN, value_channels=136), AVX512, "136 value channels do not fill vectors of 16"),
        (PLAIN, AVX2, "does not promise avx512_vnni"),
    ],
)
def test_what_is_declined(operator: PooledAttention, target: Target, reason: str | None) -> None:
    declined = PooledAttentionDot().declines(operator, target)
    assert declined == reason if reason is None else reason in str(declined)


def test_anchors_and_channels_fill_vectors() -> None:
    assert [padded_anchors(replace(PLAIN, anchors=count)) for count in (1, 64, 65, 110)] == [64, 64, 128, 128]
    assert [channel_vectors(replace(PLAIN, value_channels=count)) for count in (16, 48)] == [1, 3]


def test_the_table_is_lengthened() -> None:
    lowering, table = PooledAttentionDot(), np.arange(65, dtype=np.uint8)
    packed = lowering.pack(PLAIN, AVX512, {"table": table})["table"]
    (spec,) = (spec for spec in lowering.parameters(PLAIN, AVX512) if spec.name == "table")
    assert (packed.shape, str(packed.dtype)) == (spec.shape, spec.dtype) == ((128,), "uint8")
    np.testing.assert_array_equal(packed[:65], table)


def test_instructions() -> None:
    space, setting = AttentionDotLoops(), Setting(PLAIN, AVX512, 1)
    function = space.scheduled(PooledAttentionDot().function(PLAIN, AVX512), setting, space.default(setting))
    assembly = build(function, AVX512.tvm_target(1)).mod.inspect_source("asm")
    assert "vpdpbusd" in assembly
    assert "vpermi2b" in assembly or "vpermt2b" in assembly
