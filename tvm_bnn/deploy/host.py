"""Whether code for a target runs on this host."""

from __future__ import annotations

from collections.abc import Set

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import Target, cpu_flags, find_gpu, host_architecture

_ELSEWHERE = "run it on a machine with one; `tvm-bnn tune --runner offline --export DIR` brings candidates there"


def check_target(target: Target) -> None:
    """Refuse a target that this host is not.

    Raises:
        ToolchainError: as :func:`check_host`.
    """
    check_host(target.name, target.requires, target.architecture, target.cuda.arch if target.cuda else None)


def check_host(name: str, requires: Set[str], architecture: str | None = None, gpu: str | None = None) -> None:
    """Refuse code that this host's CPU or GPU would stop at.

    Args:
        name: of the target.
        requires: its CPU flags.
        architecture: instruction set of the code; None where it is the host's.
        gpu: whose machine code the kernels are, such as `sm_90`; None where they run on the CPU.

    Raises:
        ToolchainError: the host is of another instruction set, lacks some of the flags, or has no such GPU.
    """
    here = host_architecture()
    wanted = architecture or here
    if wanted != here:
        raise ToolchainError(
            f"target {name}: expected an {wanted} CPU, got {here or 'an unknown one'}",
            "run it on such a machine, measure on one by --rpc-tracker, or let tvm-bnn tune and profile estimate",
        )
    missing = lacking(requires)
    if missing:
        raise ToolchainError(
            f"target {name}: expected a CPU with {', '.join(missing)}, got one without",
            "run it on such a machine, or compile with --target cpu for this one",
        )
    if gpu is not None:
        _check_gpu(name, gpu)


def _check_gpu(name: str, wanted: str) -> None:
    """Machine code of one architecture is no other's, not even a newer one's of another family."""
    try:
        found = find_gpu()
    except ToolchainError as error:
        raise ToolchainError(f"target {name}: {error.message}", _ELSEWHERE) from error
    if found.arch != wanted:
        raise ToolchainError(
            f"target {name}: expected an NVIDIA GPU of {wanted}, got {found.name}, which is {found.arch}",
            "run it on such a machine, or compile with --target cuda for this one",
        )


def lacking(requires: Set[str]) -> list[str]:
    """The flags that this host's CPU does not have, sorted."""
    return sorted(requires - cpu_flags())
