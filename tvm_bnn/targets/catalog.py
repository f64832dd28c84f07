"""Targets by the name a user gives."""

from tvm_bnn.errors import TvmBnnError, UsageError, closest
from tvm_bnn.targets.calibration import calibrated
from tvm_bnn.targets.detect import resolve_host
from tvm_bnn.targets.gpu import resolve_gpu
from tvm_bnn.targets.model import Target
from tvm_bnn.targets.reader import read_all

HOST = "cpu"
GPU = "cuda"


def names() -> list[str]:
    """The names of all targets, the most specific first; without the aliases `cpu` and `cuda`."""
    return list(read_all())


def present() -> dict[str, Target]:
    """What this machine is, by alias: `cpu`, and `cuda` where there is an NVIDIA GPU; without calibration."""
    found = {HOST: resolve_host()}
    gpu = _gpu_here()
    return found if gpu is None else {**found, GPU: gpu}


def load(name: str) -> Target:
    """The target of that name.

    `cpu` stands for the most specific one that this host satisfies, `cuda` for the NVIDIA GPU of this machine. One
    that no file describes has a name of its own as well, by which it is found again on such a machine.

    Peaks that were measured on this host, by its calibration, take the place of those in the target's file.

    Raises:
        UsageError: no such target, or a malformed target file.
        ToolchainError: `cuda`, and there is no GPU that can be used.
    """
    if name == HOST:
        return calibrated(resolve_host())
    known = read_all()
    if name == GPU:
        return resolve_gpu(known.values())
    if name in known:
        return calibrated(known[name])
    here = _gpu_here()
    if here is not None and here.name == name:
        return here
    raise UsageError(f"expected the name of a target, got '{name}'", closest(name, [HOST, GPU, *known]))


def _gpu_here() -> Target | None:
    try:
        return resolve_gpu(read_all().values())
    except TvmBnnError:
        return None
