"""Whether a board may measure for a target, and whether what it measured counts."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from tvm_bnn.remote.board import PROTOCOL
from tvm_bnn.targets import Target
from tvm_bnn.targets.architecture import architecture_of, host_architecture

_NOW = 0xF
_SINCE_START = 0xF0000
_FLAGS = ("under-voltage", "a capped frequency", "throttling", "the soft limit of temperature")
_SAME_PINS = "install the host's version there, see docs/raspberry-pi.md"

Problem = tuple[str, str]
"""What is wrong, and a hint."""


def unfit(facts: Mapping[str, Any], target: Target, emulated: bool) -> Problem | None:
    """Why a board cannot run the target's code, if it cannot.

    Args:
        facts: of the board, see :func:`tvm_bnn.remote.board.facts`.
        target: whose code is to run.
        emulated: whether an emulated board will do.
    """
    name = f"board {facts['host']}"
    if facts["protocol"] != PROTOCOL:
        return f"{name}: expected protocol {PROTOCOL} of its server, got {facts['protocol']}", _SAME_PINS
    if facts["emulated"] and not emulated:
        return f"{name}: expected a board, got an emulated one, whose times are no latencies", "connect a real one"
    if facts["bits"] != 64:
        return f"{name}: expected a 64-bit system, got {facts['bits']} bits", "install the 64-bit Raspberry Pi OS"
    for package in ("apache-tvm", "apache-tvm-ffi"):
        wanted, found = importlib.metadata.version(package), facts[package.removeprefix("apache-").replace("-", "_")]
        if wanted != found:
            return f"{name}: expected {package} {wanted} as on this host, got {found}", _SAME_PINS
    wanted = architecture_of(target.llvm.triple) if target.llvm.triple else host_architecture()
    if facts["machine"] != wanted:
        return f"{name}: target {target.name} needs {wanted}, got {facts['machine']}", "check the board's key"
    missing = sorted(target.requires - set(facts["features"]))
    if missing:
        return f"{name}: target {target.name} needs {', '.join(missing)}, got a CPU without", "check the board's key"
    return None


def throttled(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What slowed the board down while it measured; empty where nothing did, or it does not tell.

    Args:
        before: its state, see :func:`tvm_bnn.remote.board.state`.
        after: the same, after the measurement.
    """
    flags = (before["throttled"] or 0, after["throttled"] or 0)
    since = (flags[1] & ~flags[0] & _SINCE_START) >> 16
    now = (flags[0] | flags[1]) & _NOW | since
    return ", ".join(name for place, name in enumerate(_FLAGS) if now >> place & 1)


def too_large(needed: int, state: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem | None:
    """Why so many bytes do not fit into a board's memory, if they do not."""
    free = state["free_bytes"]
    if free is None or needed <= free:
        return None
    return (
        f"board {facts['host']}: expected {needed / 1e6:.0f} MB of free memory, got {free / 1e6:.0f} MB",
        "end other programs there, choose a smaller --input-size, or a board with more memory",
    )
