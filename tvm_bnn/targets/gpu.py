"""The NVIDIA GPU of this machine, as its driver describes it, and the target that it is.

The driver's own library is asked; neither the toolkit nor a package is needed.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets.model import Cuda, Fact, Llvm, Target

NO_GPU = "compile for a named one: --target h200, a100 or orin"
"""What to do without a GPU."""

_DRIVER = "libcuda.so.1"
_NAME_BYTES = 256
_LEAST_CAPABILITY = (7, 5)
"""The oldest for which NVIDIA's compiler of CUDA 13 makes code."""

# Numbers of CUdevice_attribute in cuda.h.
_ATTRIBUTES = {
    "clock_khz": 13,
    "multiprocessors": 16,
    "memory_clock_khz": 36,
    "memory_bus_bits": 37,
    "l2_bytes": 38,
    "major": 75,
    "minor": 76,
    "shared_bytes": 81,
    "shared_bytes_per_block": 97,
}
_DRIVER_SAYS = "nominal: the driver's attributes of this GPU"
_GUIDE = "nominal: CUDA C++ Programming Guide"


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: as the driver tells it, such as `NVIDIA H200`.
        major: of the compute capability.
        minor: likewise.
        multiprocessors: how many there are.
        clock_khz: typical clock of the multiprocessors.
        memory_clock_khz: peak clock of the memory, which transfers twice a cycle.
        memory_bus_bits: width of the memory's bus.
        l2_bytes: of its second-level cache.
        shared_bytes: shared memory of a multiprocessor.
        shared_bytes_per_block: the most of it that a block may ask for.
    """

    name: str
    major: int
    minor: int
    multiprocessors: int
    clock_khz: int
    memory_clock_khz: int
    memory_bus_bits: int
    l2_bytes: int
    shared_bytes: int
    shared_bytes_per_block: int

    @property
    def arch(self) -> str:
        """The architecture whose machine code it runs, such as `sm_90`."""
        return f"sm_{self.major}{self.minor}"


def present_gpu() -> Gpu | None:
    """The GPU of this machine, the first that `CUDA_VISIBLE_DEVICES` leaves; None without one."""
    try:
        return find_gpu()
    except ToolchainError:
        return None


@functools.cache
def find_gpu() -> Gpu:
    """The GPU of this machine.

    Raises:
        ToolchainError: there is no NVIDIA driver, or it knows of no GPU.
    """
    try:
        driver: Any = ctypes.CDLL(_DRIVER)
    except OSError as error:
        raise ToolchainError(f"expected an NVIDIA GPU and its driver, got none: no {_DRIVER}", NO_GPU) from error
    return ask(driver)


def ask(driver: Any) -> Gpu:
    """The first GPU of a driver.

    Args:
        driver: its library.

    Raises:
        ToolchainError: the driver does not start, or knows of no GPU.
    """
    device, name = ctypes.c_int(), ctypes.create_string_buffer(_NAME_BYTES)
    for status in (driver.cuInit(0), driver.cuDeviceGet(ctypes.byref(device), 0)):
        if status:
            raise ToolchainError(f"expected an NVIDIA GPU, got error {status} of its driver", NO_GPU)
    driver.cuDeviceGetName(name, _NAME_BYTES, device)
    told = {key: _attribute(driver, device, number) for key, number in _ATTRIBUTES.items()}
    return Gpu(name=name.value.decode(errors="replace"), **told)


def _attribute(driver: Any, device: ctypes.c_int, number: int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), number, device)
    return value.value


def target_of(gpu: Gpu, known: Iterable[Target]) -> Target:
    """The target that a GPU is: one of those that are known, or else one made of what its driver tells.

    Args:
        gpu: of this machine.
        known: all targets.

    Raises:
        ToolchainError: it is too old for any code of ours.
    """
    alike = [target for target in known if target.cuda is not None and target.cuda.arch == gpu.arch]
    for target in alike:
        assert target.cuda is not None
        if gpu.name in target.cuda.names and gpu.multiprocessors == target.cores:
            return target
    if (gpu.major, gpu.minor) < _LEAST_CAPABILITY:
        least = ".".join(map(str, _LEAST_CAPABILITY))
        raise ToolchainError(
            f"expected a GPU of compute capability {least} or later, got {gpu.name}: {gpu.major}.{gpu.minor}", NO_GPU
        )
    return Target(
        name="gpu-" + re.sub(r"[^a-z0-9]+", "-", gpu.name.lower().removeprefix("nvidia ")).strip("-"),
        kind="cuda",
        description=f"{gpu.name} (compute capability {gpu.major}.{gpu.minor}), as its driver describes it",
        rank=0,
        requires=frozenset(),
        llvm=Llvm(),
        facts=_facts(gpu),
        like=alike[0].name if alike else None,
        cores=gpu.multiprocessors,
        cuda=Cuda(gpu.arch, (gpu.name,)),
    )


def _facts(gpu: Gpu) -> dict[str, Fact]:
    """Facts of a GPU that has no file; the peaks of its tensor cores are not among what a driver tells."""
    gigahertz = gpu.clock_khz / 1e6
    lanes = 64 if (gpu.major, gpu.minor) in ((7, 5), (8, 0)) else 128
    memory = 2 * gpu.memory_clock_khz * gpu.memory_bus_bits / 8 / 1e6

    def rate(each_clock: int, operations: int, what: str) -> Fact:
        source = f"{_GUIDE}: {each_clock} {what} a clock and multiprocessor, {operations} op each"
        return Fact(each_clock * operations * gigahertz, "Gop/s", source)

    return {
        "clock_ghz": Fact(gigahertz, "GHz", _DRIVER_SAYS),
        "vector_bits": Fact(1024, "bit", f"{_GUIDE}: a warp of 32 lanes of 32 bits"),
        "vector_registers": Fact(255, "register", f"{_GUIDE}: 32-bit registers of a thread"),
        "l1d_bytes": Fact(gpu.shared_bytes, "byte", f"{_DRIVER_SAYS}: shared memory of a multiprocessor"),
        "l2_bytes": Fact(gpu.l2_bytes, "byte", _DRIVER_SAYS),
        "shared_bytes_per_block": Fact(gpu.shared_bytes_per_block, "byte", _DRIVER_SAYS),
        "binary_gops_per_core": rate(16, 64, "__popc"),
        "int8_gops_per_core": rate(64, 8, "__dp4a"),
        "float_gops_per_core": rate(lanes, 2, "multiply-adds"),
        "memory_gbytes_per_s": Fact(memory / gpu.multiprocessors, "GB/s", f"{_DRIVER_SAYS}: clock and bus, shared out"),
        "cache_gbytes_per_s": Fact(
            64 * gigahertz, "GB/s", "nominal: an assumption: 64 byte a clock and multiprocessor"
        ),
    }


def resolve_gpu(known: Iterable[Target]) -> Target:
    """The target that the GPU of this machine is.

    Raises:
        ToolchainError: there is none, or it is too old.
    """
    return target_of(find_gpu(), known)
