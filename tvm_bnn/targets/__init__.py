"""Hardware targets: one data file each, matched against the host by its CPU's flags and kind."""

from tvm_bnn.targets.architecture import host_architecture
from tvm_bnn.targets.catalog import load, names
from tvm_bnn.targets.detect import (
    cache_bytes,
    cpu_flags,
    cpu_model,
    cpu_parts,
    logical_cores,
    missing_features,
    resolve_host,
)
from tvm_bnn.targets.model import Fact, Llvm, Target

__all__ = [
    "Fact",
    "Llvm",
    "Target",
    "cache_bytes",
    "cpu_flags",
    "cpu_model",
    "cpu_parts",
    "host_architecture",
    "load",
    "logical_cores",
    "missing_features",
    "names",
    "resolve_host",
]
