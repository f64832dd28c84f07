"""What is killed: a tuning run in a process group of its own, forked from a process that has loaded everything."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.tiny import MODEL
from tests.torture import planted
from tests.tuning.fakes import CONV, tasks, trial
from tvm_bnn.cli import main, progress, tune
from tvm_bnn.models import load
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning import tuner, worker
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.worker import Request

_LOADED = (load, tune, tuner, worker)
"""Commands load these only when they need them; here they are wanted before the fork."""

ROOT = Path(__file__).resolve().parents[2]
MARK = "TVM_BNN_TORTURE_MARK"
"""Whatever a victim starts has this in its environment."""


def nursery() -> ForkServerContext:
    """Gives birth to processes that have this module loaded."""
    # The server inherits this; it looks for the module before it is told our path.
    os.environ["PYTHONPATH"] = str(ROOT)
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _alone(log: Path, mark: str) -> None:
    """In a group of its own, with the output in a file."""
    os.setsid()
    os.environ[MARK] = mark
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)


def tune_tiny(work: Path, trials: int, log: Path, mark: str) -> None:
    """``tvm-bnn tune`` on the smallest network; every trial is announced on stderr."""
    _alone(log, mark)
    progress._Plain._worth_a_line = lambda self, event: True  # type: ignore[method-assign]
    arguments = [MODEL, "--target", "cpu", "--threads", "1", "--trials", str(trials), "--work-dir", str(work)]
    sys.exit(main(["tune", *arguments]))


def write_journal(work: Path, trials: int, log: Path, mark: str) -> None:
    """Nothing but the journal, as fast as it goes."""
    _alone(log, mark)
    journal = Journal(work / "journal.jsonl")
    held = len(journal.open().trials)
    for number in range(held + 1, trials + 1):
        journal.append(trial(run_secs=[number * 1e-3]))
        sys.stderr.write(f"[{number}/{trials}]\n")


def tune_planted(work: Path, log: Path, mark: str) -> None:
    """A candidate that never comes back."""
    _alone(log, mark)
    host = resolve_host()
    (task,) = tasks(CONV, target=host, threads=1)
    request = Request(CONV.signature, host.name, 1, task.row.lowering.name, task.arms[0].default.to_dict())
    planted.fault_of = lambda request, share: "hang"
    work.mkdir()
    list(planted.PlantedRunner(3600, work / "worker.log").run_many([request]))


@contextlib.contextmanager
def begin(context: ForkServerContext, what: object, *arguments: object) -> Iterator[BaseProcess]:
    """A victim; whatever becomes of it, it is gone afterwards."""
    process = context.Process(target=what, args=arguments)  # type: ignore[arg-type]
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()
        process.close()


def members(mark: str) -> list[int]:
    """Processes that a victim has started and that are still there."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and wanted in (path / "environ").read_bytes().split(b"\0"):
                found.append(int(path.name))
    return found
