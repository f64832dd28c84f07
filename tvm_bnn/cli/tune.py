"""``tvm-bnn tune``: find the fastest lowering and arrangement of every layer, and keep it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import ESTIMATED, Request, note, resolve, work_dir_of
from tvm_bnn.cli.offline import Folders, batch_of, send, take_in
from tvm_bnn.cli.show import show
from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.cli.context import Job
    from tvm_bnn.tuning.events import Finished, Settling
    from tvm_bnn.tuning.records import RecordLine
    from tvm_bnn.tuning.runners import Wanted
    from tvm_bnn.tuning.state import ArmState, TaskState
    from tvm_bnn.tuning.task import Task
    from tvm_bnn.tuning.tuner import Settings, Tuner
    from tvm_bnn.tuning.workdir import WorkDir

_INTERRUPTED = 130

_TASK_COLUMNS = (
    Column("index", "task", right=True),
    Column("operator", "operator"),
    Column("count", "uses", right=True),
    Column("lowerings", "lowerings"),
    Column("points", "points", right=True),
)
_RESULT_COLUMNS = (
    *_TASK_COLUMNS[:3],
    Column("lowering", "lowering"),
    Column("tie", "ties with"),
    Column("trials", "trials", right=True),
    Column("failed", "failed", right=True),
    Column("default_ms", "default ms", right=True, digits=3),
    Column("best_ms", "tuned ms", right=True, digits=3),
    Column("gain", "gain", right=True, digits=2),
    Column("gops", "GOP/s", right=True, digits=0),
    Column("evidence", "evidence"),
)


def command(
    model: options.Model = options.DEFAULT_MODEL,
    target: options.TargetName = options.DEFAULT_TARGET,
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", help="Trials of these tasks the work dir shall hold when done.")
    ] = 320,
    tasks: Annotated[
        str | None, typer.Option("--tasks", metavar="list|0,3|GLOB", help="List the tasks, or tune some of them.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; what the work dir holds is moved aside.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be tuned, measure nothing.")] = False,
    runner: Annotated[
        Literal["auto", "local", "rpc", "static", "offline"],
        typer.Option(
            "--runner",
            help="What tells times: this machine, boards over RPC, a model of the target, or a machine elsewhere that "
            "a folder is taken to; auto takes what fits.",
        ),
    ] = "auto",
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="DIR", help="Offline: build trials into a new folder, to measure elsewhere."),
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--import", metavar="DIR", help="Offline: take in the results of such a folder.")
    ] = None,
    rpc_tracker: options.RpcTracker = None,
    rpc_key: options.RpcKey = None,
    timeout: options.Timeout = 30,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.ModelSeed = None,
    threads: options.Threads = None,
    work_dir: options.WorkDirectory = None,
    records: options.Records = None,
    output_format: options.OutputFormat = "table",
) -> int:
    """Tune the network's layers for a target; run again to go on where it stopped."""
    if trials < 1:
        raise UsageError(f"--trials: expected a positive number, got {trials}", "for example --trials 320")
    Folders(export, results).check(runner, {"--tasks": tasks is not None, "--fresh": fresh, "--dry-run": dry_run})
    held = work_dir if work_dir is not None and work_dir.is_dir() else None
    from tvm_bnn.tuning.runners import Wanted
    from tvm_bnn.tuning.tuner import Settings

    wanted = Wanted(runner, rpc_tracker, rpc_key, timeout)
    job = resolve(Request(model, width, input_size, seed, target, threads, held, records, wanted))
    chosen = _select(_tasks(job), tasks)
    if tasks == "list" or dry_run:
        _show_tasks(chosen, trials, output_format)
        return 0
    if results is not None:
        return _imported(job, chosen, results, work_dir_of(job.target, work_dir), wanted, output_format)
    path = work_dir_of(job.target, work_dir)
    if fresh or not path.is_dir():
        job = _without_work_dir(job, records)
    if export is not None:
        with _work_dir(job, path, fresh) as work:
            interrupted = send(job, chosen, work, Settings(trials, seed or 0), export, timeout, output_format)
        return _INTERRUPTED if interrupted else 0
    with _tuner(job, chosen, path, Settings(trials, seed or 0), wanted, fresh) as (tuner, work):
        finished = _follow(tuner)
        _show_result(finished, work, job, output_format)
    return _INTERRUPTED if finished.interrupted else 0


def _tasks(job: Job) -> list[Task]:
    from tvm_bnn.tuning.task import extract_tasks

    return extract_tasks(job.model.network.operators_at(job.input_shape), job.target, job.threads)


def _without_work_dir(job: Job, records: Path | None) -> Job:
    """Nothing to start from in a work dir that is new or begun afresh."""
    from tvm_bnn.tuning.records import load_book

    return replace(job, book=load_book(job.target, [] if records is None else [records])[0])


def _select(tasks: list[Task], wanted: str | None) -> list[Task]:
    """All tasks, those with the given numbers, or those whose operator or place matches a pattern."""
    if wanted in (None, "list"):
        return tasks
    from fnmatch import fnmatchcase

    assert wanted is not None
    if all(part.strip().isdigit() for part in wanted.split(",")):
        numbers = {int(part) for part in wanted.split(",")}
        chosen = [task for task in tasks if task.index in numbers]
        if len(chosen) == len(numbers):
            return chosen
        raise UsageError(f"--tasks: expected numbers 0..{len(tasks) - 1}, got '{wanted}'", "see --tasks list")
    chosen = [t for t in tasks if any(fnmatchcase(name, wanted) for name in (t.operator.label(), *t.places))]
    if not chosen:
        raise UsageError(f"--tasks: no operator or place matches '{wanted}'", "see --tasks list")
    return chosen


def _imported(job: Job, tasks: Sequence[Task], results: Path, path: Path, wanted: Wanted, output_format: Any) -> int:
    """Take results in, and settle the records by what the work dir then holds."""
    from tvm_bnn.tuning.events import Settling
    from tvm_bnn.tuning.imports import batch_of as batch_in
    from tvm_bnn.tuning.tuner import Settings

    batch = batch_in(results, batch_of(job))
    if not path.is_dir():
        raise UsageError(f"--import: expected the work dir that exported, got none at '{path}'", "name it: --work-dir")
    with _tuner(job, tasks, path, Settings(trials=0), wanted, fresh=False) as (tuner, work):
        take_in(job, batch, work, results)
        _show_result(_follow(tuner, Settling), work, job, output_format)
    return 0


@contextmanager
def _work_dir(job: Job, path: Path, fresh: bool) -> Iterator[WorkDir]:
    """The work dir, for this process alone."""
    from tvm_bnn.tuning.settle import versions
    from tvm_bnn.tuning.workdir import open_workdir

    with open_workdir(path, job.target, versions(), fresh=fresh) as work:
        yield work


@contextmanager
def _tuner(
    job: Job, tasks: Sequence[Task], path: Path, settings: Settings, wanted: Wanted, fresh: bool
) -> Iterator[tuple[Tuner, WorkDir]]:
    """A tuner that has the work dir and a runner for itself."""
    from tvm_bnn.tuning.runners import opened
    from tvm_bnn.tuning.tuner import Tuner

    with (
        _work_dir(job, path, fresh) as work,
        opened(wanted, job.target, work.path / "worker.log", note) as runner,
    ):
        yield Tuner(tasks, work, runner, settings, job.book), work


def _follow(tuner: Any, unsaid: type[Settling] | tuple[()] = ()) -> Finished:
    """Show the events of a run, but for those that are to stay unsaid; the last one.

    An interruption that arrives while an event is shown is handed to the tuner, which then keeps what it has.
    """
    from tvm_bnn.cli.progress import progress

    with progress() as told:
        run = tuner.run()
        last = next(run)
        while True:
            try:
                if not isinstance(last, unsaid):
                    told(last)
            except KeyboardInterrupt as interruption:
                last = run.throw(interruption)
                continue
            try:
                last = next(run)
            except StopIteration:
                return last


def _task_row(task: Task) -> dict[str, Any]:
    return {
        "index": task.index,
        "operator": task.operator.label(),
        "places": list(task.places),
        "count": task.count,
        "lowerings": task.lowerings,
        "points": task.points,
    }


def _show_tasks(tasks: Sequence[Task], trials: int, output_format: Any) -> None:
    rows = [_task_row(task) for task in tasks]
    shown = [row | {"lowerings": ", ".join(row["lowerings"])} for row in rows]
    show(Table(_TASK_COLUMNS, shown), {"schema_version": 1, "trials": trials, "tasks": rows}, rows, output_format)


def _result_row(state: TaskState, record: RecordLine | None) -> dict[str, Any]:
    best, default = (record.median_ms, record.default_ms) if record else (None, None)
    cost = state.task.operator.cost()
    macs = cost.binary_macs + cost.real_macs
    second = record.runner_up if record else None
    return _task_row(state.task) | {
        "lowering": record.lowering if record else None,
        "trials": len(state.trials),
        "failed": sum(state.failures.values()),
        "failures": dict(state.failures),
        "default_ms": default,
        "best_ms": best,
        "gain": default / best if best and default else None,
        "gops": 2 * macs / best / 1e6 if best else None,
        "point": record.point if record else None,
        "evidence": record.evidence if record else None,
        "tie": record.tie if record else False,
        "finalists": len(record.finalists) if record else 0,
        "runner_up": second.model_dump() if second else None,
        "arms": [_arm(arm) for arm in state.arms],
    }


def _arm(state: ArmState) -> dict[str, Any]:
    """What one lowering came to in its trials."""
    from tvm_bnn.tuning.state import median_seconds

    return {
        "lowering": state.arm.lowering,
        "points": state.arm.points,
        "trials": len(state.trials),
        "failed": sum(trial.failure is not None for trial in state.trials),
        "best_ms": median_seconds(state.best) * 1e3 if state.best else None,
    }


def _show_result(finished: Finished, work: WorkDir, job: Job, output_format: Any) -> None:
    settled = {record.operator.signature: record.line for record in finished.records}
    rows = [_result_row(state, settled.get(state.task.operator.signature)) for state in finished.states]
    document = {
        "schema_version": 1,
        "target": job.target.name,
        "threads": job.threads,
        "evidence": _evidence(job),
        "interrupted": finished.interrupted,
        "records": str(work.records),
        "tasks": rows,
    }
    shown = [row | {"tie": _tie(row)} for row in rows]
    show(Table(_RESULT_COLUMNS, shown, _totals(rows)), document, rows, output_format)
    note(f"records in {work.records}")
    if _evidence(job) == "estimated":
        note(ESTIMATED)
    if finished.interrupted:
        note("interrupted; every finished trial is kept, the same command goes on")


def _evidence(job: Job) -> str:
    return "estimated" if job.kind == "static" else "measured"


def _tie(row: Row) -> str | None:
    """Whom the winner cannot be told from, for people."""
    if not row["tie"]:
        return None
    if row["finalists"]:
        return f"{row['finalists']} finalist{'s' if row['finalists'] > 1 else ''}"
    second = row["runner_up"]["lowering"]
    return "another point" if second == row["lowering"] else second


def _totals(rows: Sequence[Row]) -> list[Row]:
    """Time of all tasks as often as the network runs them, where both times are known."""
    known = [row for row in rows if row["default_ms"] and row["best_ms"]]
    if not known:
        return []
    default = sum(row["count"] * row["default_ms"] for row in known)
    best = sum(row["count"] * row["best_ms"] for row in known)
    trials = sum(row["trials"] for row in rows)
    return [
        {
            "operator": "all uses together",
            "trials": trials,
            "failed": sum(row["failed"] for row in rows),
            "default_ms": default,
            "best_ms": best,
            "gain": default / best,
            "evidence": known[0]["evidence"],
        }
    ]
