"""The two halves of ``tvm-bnn tune --runner offline``: candidates go out as a folder, results come in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvm_bnn.cli.context import note
from tvm_bnn.cli.show import show
from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.tables import Column, Format, Table

if TYPE_CHECKING:
    from tvm_bnn.cli.context import Job
    from tvm_bnn.tuning.exporter import Exported
    from tvm_bnn.tuning.exports import Batch
    from tvm_bnn.tuning.task import Task
    from tvm_bnn.tuning.tuner import Settings
    from tvm_bnn.tuning.workdir import WorkDir

_SECONDS = 5.0
"""Lines of progress are at least so far apart."""

_COLUMNS = (
    Column("index", "task", right=True),
    Column("operator", "operator"),
    Column("trials", "trials", right=True),
    Column("candidates", "candidates", right=True),
    Column("failed", "not built", right=True),
)


@dataclass(frozen=True)
class Folders:
    """The options of the offline runner."""

    export: Path | None
    results: Path | None

    def check(self, runner: str, excluded: Mapping[str, bool]) -> None:
        """Refuse what does not go together.

        Args:
            runner: that was named.
            excluded: whether options were given that an import has no use for, by their names.

        Raises:
            UsageError: with the options that contradict each other.
        """
        given = [name for name, folder in (("--export", self.export), ("--import", self.results)) if folder]
        if runner != "offline" and given:
            raise UsageError(f"{given[0]}: expected --runner offline, got --runner {runner}", "add --runner offline")
        if len(given) == 2:
            raise UsageError("expected one of --export and --import, got both", "import first, then export again")
        if runner == "offline" and not given and not any(excluded.values()):
            raise UsageError(
                "--runner offline: expected --export DIR or --import DIR, got neither",
                "export candidates, run measure.py in that folder where they are to be measured, then import it",
            )
        surplus = [name for name, present in excluded.items() if present and self.results]
        if surplus:
            raise UsageError(f"--import: takes all results of its folder, got {surplus[0]} too", "leave it out")


def batch_of(job: Job) -> Batch:
    """What an export of a job is for, and what an import must be for."""
    from tvm_bnn.tuning.exports import new_batch
    from tvm_bnn.tuning.settle import versions

    parts = (job.model.name, job.model.width, "x".join(map(str, job.model.input_size)))
    return new_batch(" ".join(filter(None, parts)), job.target, job.threads, versions())


def send(
    job: Job,
    tasks: Sequence[Task],
    work: WorkDir,
    settings: Settings,
    folder: Path,
    timeout: float,
    output_format: Format,
) -> bool:
    """Export candidates and show what went out; whether it was interrupted.

    Raises:
        UsageError: nothing is left to try, or the folder holds something.
        NoCandidateError: nothing could be built.
        ToolchainError: a linker or a compiler is missing.
    """
    from tvm_bnn.tuning.exporter import Exporter

    batch = batch_of(job)
    exporter = Exporter(tasks, work, job.target, batch, settings, job.book)
    note("choosing what to try, then building it; nothing is measured here")
    exported = exporter.run(folder, timeout, _progress())
    for number, why in exported.damaged:
        note(f"journal line {number} is damaged and was set aside: {why}")
    _show(exported, batch, folder, output_format)
    return exported.interrupted


def _progress() -> Callable[[int, int], None]:
    """Says how far building has come, now and then."""
    began = last = time.monotonic()

    def told(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS or done == total:
            last = now
            note(f"[{done}/{total}] built, {done / (now - began):.1f} a second")

    return told


def _show(exported: Exported, batch: Batch, folder: Path, output_format: Format) -> None:
    sent = Counter(proposal.state.task.index for proposal in exported.sent)
    failed = Counter(proposal.state.task.index for proposal in exported.failed)
    rows = [
        {
            "index": state.task.index,
            "operator": state.task.operator.label(),
            "trials": len(state.trials),
            "candidates": sent[state.task.index],
            "failed": failed[state.task.index],
        }
        for state in exported.states
    ]
    document: dict[str, Any] = {
        "schema_version": 1,
        "export": batch.id,
        "folder": str(folder),
        "target": batch.target,
        "threads": batch.threads,
        "interrupted": exported.interrupted,
        "candidates": len(exported.sent),
        "failed": len(exported.failed),
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "tasks": rows,
    }
    show(Table(_COLUMNS, rows), document, rows, output_format)
    if exported.sent:
        note(f"{len(exported.sent)} candidates in {folder}, {document['bytes'] / 1e6:.1f} MB")
        note(f"take it to a machine of {batch.target}, run `python measure.py` in it, bring it back and --import it")
    if exported.interrupted:
        note("interrupted; what was built is exported, another --export goes on")


def take_in(job: Job, batch: Batch, work: WorkDir, folder: Path) -> None:
    """Import results into the journal of a work dir, and say what came.

    Args:
        job: that they are for.
        batch: of the folder.
        work: the work dir that it was exported from.
        folder: with the results.

    Raises:
        UsageError: no results, or results that do not count.
    """
    from tvm_bnn.tuning.imports import import_results

    imported = import_results(folder, batch, work, job.target)
    for line in imported.damaged:
        note(line)
    known = f", {imported.known} were there already" if imported.known else ""
    note(f"{len(imported.trials)} results imported{known}; measured on {', '.join(imported.machines)}")
    if imported.missing:
        note(f"{imported.missing} results are missing: run `python measure.py` in that folder again, then --import it")
