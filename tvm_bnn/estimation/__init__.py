"""Latency from a static model: kernels of another machine are emulated, checked, and priced block by block."""

from importlib.util import find_spec

from tvm_bnn.errors import ToolchainError

_PACKAGES = {"unicorn": "unicorn", "capstone": "capstone", "elftools": "pyelftools"}
"""What is imported, and the name under which it is installed."""


def require_packages() -> None:
    """Check that the optional packages are there; nothing is imported.

    Raises:
        ToolchainError: some are missing; names them.
    """
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise ToolchainError(
            f"expected the packages that emulation needs, got none of: {', '.join(missing)}",
            "run: pip install 'tvm-bnn[rpi]'",
        )
