"""Hardware targets: one data file each, matched against the host by its CPU's flags and kind."""

from tvm_bnn.targets.architecture import host_architecture
from tvm_bnn.targets.catalog import load, names, present
from tvm_bnn.targets.detect import (
    cache_bytes,
    cpu_flags,
    cpu_model,
    cpu_parts,
    logical_cores,
    missing_features,
    resolve_host,
)
from tvm_bnn.targets.gpu import Gpu, find_gpu, present_gpu
from tvm_bnn.targets.model import Fact, Llvm, Target

__all__ = [
    "Fact",
    "Gpu",
    "Llvm",
    "Target",
    "cache_bytes",
    "cpu_flags",
    "cpu_model",
    "cpu_parts",
    "find_gpu",
    "host_architecture",
    "load",
    "logical_cores",
    "missing_features",
    "names",
    "present",
    "present_gpu",
    "resolve_host",
]
