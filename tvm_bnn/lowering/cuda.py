"""The lowerings for NVIDIA GPUs with their spaces, preferred first; the registry makes its rows of them."""

from __future__ import annotations

from tvm_bnn.lowering import threads
from tvm_bnn.lowering.attention_mma import AttentionMma
from tvm_bnn.lowering.base import Lowering
from tvm_bnn.lowering.binary_mma import BinaryMmaConv2d, BinaryMmaDense
from tvm_bnn.lowering.signs_mma import SignsMmaInt8Conv2d, SignsMmaInt8Dense
from tvm_bnn.spaces.base import Space
from tvm_bnn.spaces.gpu_attention import GpuAttention
from tvm_bnn.spaces.gpu_lanes import GpuLanes
from tvm_bnn.spaces.gpu_mma import GpuMma
from tvm_bnn.spaces.gpu_stages import GpuStages

PAIRS: tuple[tuple[Lowering, Space], ...] = (
    (BinaryMmaConv2d(), GpuMma(BinaryMmaConv2d())),
    (threads.PopcountThreadsConv2d(), GpuLanes()),
    (SignsMmaInt8Conv2d(), GpuMma(SignsMmaInt8Conv2d())),
    (threads.MaskedThreadsConv2d(), GpuStages()),
    (BinaryMmaDense(), GpuMma(BinaryMmaDense())),
    (threads.PopcountThreadsDense(), GpuLanes()),
    (SignsMmaInt8Dense(), GpuMma(SignsMmaInt8Dense())),
    (threads.MultiplyThreads(), GpuLanes()),
    (threads.ThreadsUpsample2x(), GpuStages()),
    (threads.ThreadsAvgPool2d(), GpuStages()),
    (threads.ThreadsBitpack(), GpuStages()),
    (threads.ThreadsAnchorPool(), GpuStages()),
    (AttentionMma(), GpuAttention()),
    (threads.ThreadsAttention(), GpuStages()),
    (threads.ThreadsChannelGate(), GpuStages()),
    (threads.ThreadsLabels(), GpuStages()),
)
