"""Lowerings of a CPU as threads of a GPU compute them: the same expressions, a warp's 32 lanes in place of a vector's.

A lane of a vector is a register of a thread here, see :mod:`tvm_bnn.spaces.gpu_lanes`; packed signs and saturating sums
take the form that a single thread has for them.
"""

from __future__ import annotations

from tvm_bnn.lowering.anchor_pool import SeparableAnchorPool
from tvm_bnn.lowering.channel_gate import FactorChannelGate
from tvm_bnn.lowering.label_rows import LabelRows
from tvm_bnn.lowering.multiply_lanes import MultiplyLanes
from tvm_bnn.lowering.pointwise import PointwiseAvgPool2d, PointwiseBitpack, PointwiseUpsample2x
from tvm_bnn.lowering.pooled_attention import PooledAttentionLanes
from tvm_bnn.lowering.popcount_lanes import PopcountLanesConv2d, PopcountLanesDense
from tvm_bnn.lowering.popcount_masked import PopcountMaskedConv2d


class PopcountThreadsConv2d(PopcountLanesConv2d):
    """``__popc`` of whole words."""

    name = "popcount-threads"


class PopcountThreadsDense(PopcountLanesDense):
    """The same for dense layers."""

    name = "popcount-threads"


class MaskedThreadsConv2d(PopcountMaskedConv2d):
    """``__popc`` under masks."""

    name = "popcount-masked-threads"


class MultiplyThreads(MultiplyLanes):
    """Integer products."""

    name = "multiply-threads"


class ThreadsUpsample2x(PointwiseUpsample2x):
    """Upsampling."""

    name = "pointwise-threads"


class ThreadsAvgPool2d(PointwiseAvgPool2d):
    """Average pooling."""

    name = "pointwise-threads"


class ThreadsBitpack(PointwiseBitpack):
    """Packing."""

    name = "pointwise-threads"


class ThreadsAnchorPool(SeparableAnchorPool):
    """Averages over grids."""

    name = "anchor-pool-threads"


class ThreadsAttention(PooledAttentionLanes):
    """Attention over anchors."""

    name = "attention-threads"


class ThreadsChannelGate(FactorChannelGate):
    """Channels times factors."""

    name = "channel-gate-threads"


class ThreadsLabels(LabelRows):
    """Labels."""

    name = "label-threads"
