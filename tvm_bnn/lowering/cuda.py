"""The lowerings for NVIDIA GPUs with their spaces, preferred first; the registry makes its rows of them."""

from __future__ import annotations

from tvm_bnn.lowering import threads
from tvm_bnn.lowering.base import Lowering
from tvm_bnn.lowering.binary_mma import BinaryMmaConv2d, BinaryMmaDense
from tvm_bnn.spaces.base import Space
from tvm_bnn.spaces.gpu_lanes import GpuLanes
from tvm_bnn.spaces.gpu_mma import GpuMma
from tvm_bnn.spaces.gpu_stages import GpuStages

PAIRS: tuple[tuple[Lowering, Space], ...] = (
    (BinaryMmaConv2d(), GpuMma()),
    (threads.PopcountThreadsConv2d(), GpuLanes()),
    (threads.MaskedThreadsConv2d(), GpuStages()),
    (BinaryMmaDense(), GpuMma()),
    (threads.PopcountThreadsDense(), GpuLanes()),
    (threads.MultiplyThreads(), GpuLanes()),
    (threads.ThreadsUpsample2x(), GpuStages()),
    (threads.ThreadsAvgPool2d(), GpuStages()),
    (threads.ThreadsBitpack(), GpuStages()),
    (threads.ThreadsAnchorPool(), GpuStages()),
    (threads.ThreadsAttention(), GpuStages()),
    (threads.ThreadsChannelGate(), GpuStages()),
    (threads.ThreadsLabels(), GpuStages()),
)
