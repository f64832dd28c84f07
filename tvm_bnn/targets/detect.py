"""What the host can do, and which target that makes it."""

import os
import platform
from collections.abc import Set
from pathlib import Path

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets.architecture import host_architecture
from tvm_bnn.targets.model import Target
from tvm_bnn.targets.reader import read_all

CPUINFO = Path("/proc/cpuinfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
# x86 and Arm kernels name the same line differently.
_FLAG_KEYS = ("flags", "Features")
_MODEL_KEYS = ("model name", "Model", "Hardware")


def cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The CPU's feature flags as Linux spells them: those that every core has.

    Empty where the system keeps no such list.
    """
    fields = _fields(cpuinfo)
    cores = [frozenset(value.split()) for key, value in fields if key in _FLAG_KEYS]
    return frozenset.intersection(*cores) if cores else frozenset()


def cpu_model(cpuinfo: Path = CPUINFO) -> str:
    """The CPU's or the board's name; the architecture where the system gives none."""
    fields = dict(_fields(cpuinfo))
    named = (fields[key] for key in _MODEL_KEYS if fields.get(key))
    return next(named, platform.processor() or platform.machine() or "unknown")


def cpu_parts(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The part numbers of the CPU's cores, one for each kind of core; empty except on Arm."""
    return frozenset(value for key, value in _fields(cpuinfo) if key == "CPU part")


def logical_cores() -> int:
    """How many logical cores this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_bytes(level: int, caches: Path = CACHES) -> int | None:
    """Size of the first core's data cache of that level, shared with other cores or not.

    None where the system does not tell, or there is none.
    """
    for folder in sorted(caches.glob("index*")):
        if _line(folder / "level") == str(level) and _line(folder / "type") in ("Data", "Unified"):
            kibibytes = _line(folder / "size").removesuffix("K")
            return int(kibibytes) * 1024 if kibibytes.isdigit() else None
    return None


def missing_features(target: Target, flags: Set[str]) -> list[str]:
    """The flags that `target` requires and `flags` lacks, sorted."""
    return sorted(target.requires - flags)


def resolve_host(
    flags: Set[str] | None = None, parts: Set[str] | None = None, architecture: str | None = None
) -> Target:
    """The most specific CPU target that a host satisfies: by its flags, and a board by the kind of its cores as well.

    Args:
        flags: CPU flags; None asks the host.
        parts: part numbers of its cores, all of them; None asks the host.
        architecture: its instruction set, such as `aarch64`; None asks the host.

    Raises:
        ToolchainError: not even a portable target is installed.
    """
    present = cpu_flags() if flags is None else flags
    kinds = cpu_parts() if parts is None else parts
    runs = host_architecture() if architecture is None else architecture
    for target in read_all().values():
        if target.kind != "cpu" or target.architecture not in (None, runs):
            continue
        is_board = not target.parts or (bool(kinds) and kinds <= target.parts)
        if is_board and not missing_features(target, present):
            return target
    raise ToolchainError("expected a target for any CPU, got none with this installation", "reinstall tvm-bnn")


def _fields(cpuinfo: Path) -> list[tuple[str, str]]:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return [(key.strip(), value.strip()) for key, value in pairs]


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
