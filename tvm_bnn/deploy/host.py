"""Whether code for a target runs on this host."""

from __future__ import annotations

from collections.abc import Set

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import cpu_flags, host_architecture
from tvm_bnn.targets.reader import read_all


def check_host(name: str, requires: Set[str], architecture: str | None = None) -> None:
    """Refuse code that this host's CPU would stop at.

    Args:
        name: of the target.
        requires: its CPU flags.
        architecture: instruction set of the code; None where it is the host's.

    Raises:
        ToolchainError: the code is for a GPU, the host is of another instruction set or lacks some of the flags.
    """
    target = read_all().get(name)
    if target is not None and target.kind == "cuda":
        raise ToolchainError(
            f"target {name}: expected a CPU target to run here, got one for an NVIDIA GPU, which never ran on hardware",
            "compile a bundle for it, or export candidates with tvm_bnn.tuning.offline and measure them there",
        )
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


def lacking(requires: Set[str]) -> list[str]:
    """The flags that this host's CPU does not have, sorted."""
    return sorted(requires - cpu_flags())
