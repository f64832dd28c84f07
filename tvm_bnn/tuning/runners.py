"""Which runner serves a target, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tvm_bnn.errors import UsageError
from tvm_bnn.targets import Target
from tvm_bnn.tuning.absent import AbsentRunner
from tvm_bnn.tuning.runner import LocalRunner, Runner

RunnerName = Literal["auto", "local", "rpc", "static", "offline"]
RunnerKind = Literal["local", "rpc", "static", "offline"]


@dataclass(frozen=True)
class Wanted:
    """How a user wants times to be found.

    Attributes:
        runner: ``auto`` takes boards where a tracker is named, this host where the target's code runs on it, else the
            model of the target.
        tracker: ``host:port`` of a TVM RPC tracker.
        key: under which boards have registered.
        timeout: seconds that one trial may take.
    """

    runner: RunnerName = "auto"
    tracker: str | None = None
    key: str | None = None
    timeout: float = 30

    def kind(self, target: Target) -> RunnerKind:
        """The runner that serves ``target``.

        Raises:
            UsageError: boards are wanted and no tracker is named, or the target has no model.
        """
        kind = self._automatic(target) if self.runner == "auto" else self.runner
        if kind == "rpc" and self.tracker is None:
            raise UsageError("--runner rpc: expected a tracker, got none", "add --rpc-tracker HOST:PORT")
        if kind != "rpc" and self.tracker is not None:
            raise UsageError(f"--rpc-tracker: not used by the {kind} runner", "leave it out, or use --runner rpc")
        if kind == "static" and target.core is None:
            raise UsageError(
                f"target {target.name}: expected one with a model of its core, got one without",
                "estimates exist for boards such as rpi4; other targets are measured on such a machine",
            )
        return kind

    def _automatic(self, target: Target) -> RunnerKind:
        if self.tracker is not None:
            return "rpc"
        return "static" if target.is_cross() and target.core is not None else "local"

    def key_of(self, target: Target) -> str:
        """The boards' key: the one that was named, or the target's name."""
        return target.name if self.key is None else self.key


@contextmanager
def opened(wanted: Wanted, target: Target, log: Path, report: Callable[[str], None]) -> Iterator[Runner]:
    """A runner for ``target``, until the context ends.

    Args:
        wanted: by the user.
        target: what is tuned.
        log: file that receives what the runner's processes print.
        report: is told, in one line each, what the user should know meanwhile.

    Raises:
        UsageError: the runner does not fit the target.
        ToolchainError: packages or boards are missing.
    """
    runner = _open(wanted, target, log, report)
    try:
        yield runner
    finally:
        runner.close()


def _open(wanted: Wanted, target: Target, log: Path, report: Callable[[str], None]) -> Runner:
    kind = wanted.kind(target)
    if kind == "local":
        from tvm_bnn.deploy.host import check_target

        check_target(target)
        return LocalRunner(wanted.timeout, log)
    if kind == "offline":
        return AbsentRunner()
    if kind == "static":
        from tvm_bnn.estimation import require_packages
        from tvm_bnn.tuning.static import StaticRunner

        require_packages()
        return StaticRunner(wanted.timeout, log)
    from tvm_bnn.remote.runner import RpcRunner

    assert wanted.tracker is not None
    return RpcRunner(wanted.tracker, wanted.key_of(target), wanted.timeout, log, report)
