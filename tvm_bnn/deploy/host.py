"""Whether code for a target runs on this host."""

from __future__ import annotations

from collections.abc import Set

from tvm_bnn.errors import ToolchainError
from tvm_bnn.targets import cpu_flags


def check_host(name: str, requires: Set[str]) -> None:
    """Refuse code that this host's CPU would stop at.

    Args:
        name: of the target.
        requires: its CPU flags.

    Raises:
        ToolchainError: the host lacks some of them.
    """
    missing = sorted(requires - cpu_flags())
    if missing:
        raise ToolchainError(
            f"target {name}: expected a CPU with {', '.join(missing)}, got one without",
            "run it on such a machine, or compile with --target cpu for this one",
        )
