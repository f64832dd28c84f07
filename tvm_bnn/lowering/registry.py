"""Every lowering with its space: the one table that dispatch, tuning, tests and benchmarks read."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_bnn.errors import UsageError
from tvm_bnn.lowering import cuda
from tvm_bnn.lowering.anchor_pool import SeparableAnchorPool
from tvm_bnn.lowering.attention_bytes import PooledAttentionBytes
from tvm_bnn.lowering.attention_dot import PooledAttentionDot
from tvm_bnn.lowering.attention_quads import PooledAttentionQuads
from tvm_bnn.lowering.base import Lowering
from tvm_bnn.lowering.binary_amx import BinaryAmxConv2d
from tvm_bnn.lowering.binary_dot import BinaryDotConv2d, BinaryDotDense
from tvm_bnn.lowering.channel_gate import FactorChannelGate
from tvm_bnn.lowering.dot_lanes import DotLanes
from tvm_bnn.lowering.label_rows import LabelRows
from tvm_bnn.lowering.multiply_lanes import MultiplyLanes
from tvm_bnn.lowering.multiply_rows import MultiplyRows
from tvm_bnn.lowering.pointwise import PointwiseAvgPool2d, PointwiseBitpack, PointwiseUpsample2x
from tvm_bnn.lowering.pooled_attention import PooledAttentionLanes
from tvm_bnn.lowering.popcount_bytes import PopcountBytesConv2d, PopcountBytesDense
from tvm_bnn.lowering.popcount_lanes import PopcountLanesConv2d, PopcountLanesDense
from tvm_bnn.lowering.popcount_masked import PopcountMaskedConv2d
from tvm_bnn.lowering.popcount_quads import PopcountQuadsConv2d, PopcountQuadsDense
from tvm_bnn.lowering.popcount_words import PopcountWordsConv2d, PopcountWordsDense
from tvm_bnn.lowering.signed_bytes import SignedBytes
from tvm_bnn.ops.base import Operator
from tvm_bnn.spaces.attention import AttentionByteLoops, AttentionDotLoops, AttentionLoops, AttentionQuadLoops
from tvm_bnn.spaces.base import Space
from tvm_bnn.spaces.byte_loops import ByteLoops
from tvm_bnn.spaces.label_rows import LabelRowLoops
from tvm_bnn.spaces.lanes import DotLoops, Lanes
from tvm_bnn.spaces.lookups import Lookups
from tvm_bnn.spaces.pointwise import PointwiseLoops
from tvm_bnn.spaces.pool import PoolLoops
from tvm_bnn.spaces.portable import Portable
from tvm_bnn.spaces.quads import Quads
from tvm_bnn.spaces.rows import RowLoops
from tvm_bnn.spaces.signed_bytes import SignedByteLoops
from tvm_bnn.spaces.tile_loops import TileLoops
from tvm_bnn.spaces.upsample import UpsampleLoops
from tvm_bnn.spaces.words import Words
from tvm_bnn.targets import Target


@dataclass(frozen=True)
class Row:
    """A lowering and the space that arranges its loops; ``fallback`` if it serves what the fast ones decline."""

    lowering: Lowering
    space: Space
    fallback: bool = False


ROWS: tuple[Row, ...] = (
    Row(PopcountQuadsConv2d(), Quads()),
    Row(PopcountLanesConv2d(), Lanes()),
    Row(PopcountWordsConv2d(), Words()),
    Row(PopcountBytesConv2d(), Lookups()),
    Row(BinaryDotConv2d(), ByteLoops()),
    Row(BinaryAmxConv2d(), TileLoops()),
    Row(PopcountMaskedConv2d(), Portable(), fallback=True),
    Row(PopcountQuadsDense(), Quads()),
    Row(PopcountLanesDense(), Lanes()),
    Row(PopcountWordsDense(), Words()),
    Row(PopcountBytesDense(), Lookups()),
    Row(BinaryDotDense(), ByteLoops()),
    Row(DotLanes(), DotLoops()),
    Row(SignedBytes(), SignedByteLoops()),
    Row(MultiplyRows(), RowLoops()),
    Row(MultiplyLanes(), Lanes(), fallback=True),
    Row(PointwiseUpsample2x(), UpsampleLoops()),
    Row(PointwiseAvgPool2d(), PointwiseLoops()),
    Row(PointwiseBitpack(), Portable()),
    Row(SeparableAnchorPool(), PoolLoops()),
    Row(PooledAttentionDot(), AttentionDotLoops()),
    Row(PooledAttentionQuads(), AttentionQuadLoops()),
    Row(PooledAttentionBytes(), AttentionByteLoops()),
    Row(PooledAttentionLanes(), AttentionLoops()),
    Row(FactorChannelGate(), PointwiseLoops()),
    Row(LabelRows(), LabelRowLoops()),
)
"""In order of preference: without records the first that does not decline is taken."""

CUDA_ROWS = tuple(Row(lowering, space) for lowering, space in cuda.PAIRS)
"""The same for GPUs."""


def rows_on(target: Target) -> tuple[Row, ...]:
    """All rows for targets of its kind."""
    return CUDA_ROWS if target.kind == "cuda" else ROWS


def rows_for(operator: Operator, target: Target) -> list[Row]:
    """The rows that accept ``operator`` on ``target``, preferred first, fallbacks last.

    Raises:
        UsageError: where none does, with every reason.
    """
    candidates = [row for row in rows_on(target) if row.lowering.kind == operator.kind]
    reasons = {row.lowering.name: row.lowering.declines(operator, target) for row in candidates}
    accepted = [row for row in candidates if reasons[row.lowering.name] is None]
    if not accepted:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no lowering of this kind exists"
        raise UsageError(f"{operator.label()} cannot be lowered for {target.name}: {why}")
    return sorted(accepted, key=lambda row: (row.fallback, row.lowering.yields(target)))


def row_named(operator: Operator, target: Target, name: str) -> Row | None:
    """The accepting row whose lowering has this name."""
    return next((row for row in rows_for(operator, target) if row.lowering.name == name), None)
