"""``tvm-bnn profile``: where the time goes."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import ESTIMATED, Request, note, resolve
from tvm_bnn.cli.show import show
from tvm_bnn.reporting.labels import percent
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.cli.context import Job
    from tvm_bnn.profiling.model import OperatorProfile, Profile
    from tvm_bnn.tuning.runners import Wanted

_COLUMNS = (
    Column("name", "name"),
    Column("kind", "kind"),
    Column("shape", "shape"),
    Column("lowering", "lowering"),
    Column("schedule", "schedule"),
    Column("evidence", "evidence"),
    Column("median_ms", "median ms", right=True, digits=3),
    Column("share", "share", right=True),
    Column("gops", "GOP/s", right=True, digits=0),
    Column("roofline", "roofline", right=True),
)

_TOLERANCE = 0.1
"""How far the sum of operators may be from the end-to-end time, as a share of it."""


def command(
    model: options.Model = options.DEFAULT_MODEL,
    target: options.TargetName = options.DEFAULT_TARGET,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    warmup: Annotated[
        int, typer.Option("--warmup", metavar="N", callback=options.at_least(0), help="Passes that do not count.")
    ] = 5,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", callback=options.at_least(1), help="Passes that count.")
    ] = 30,
    work_dir: options.WorkDirectory = None,
    records: options.Records = None,
    runner: options.RunnerName = "auto",
    rpc_tracker: options.RpcTracker = None,
    rpc_key: options.RpcKey = None,
    timeout: options.Timeout = 60,
    dump: options.Dump = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """Latency per operator and in total: measured here or on a board, or estimated by a model of the target."""
    from tvm_bnn.tuning.runners import Wanted

    wanted = Wanted(runner, rpc_tracker, rpc_key, timeout)
    job = resolve(Request(model, width, input_size, seed, target, threads, work_dir, records, wanted))
    passes = _Passes(warmup, repeat, seed)
    found = _estimated(job, wanted, seed) if job.kind == "static" else _measured(job, wanted, dump, passes)
    document = found.model_dump(mode="json")
    show(_table(found), document, document["operators"], output_format)
    if found.evidence == "estimated":
        note(ESTIMATED)


@dataclass(frozen=True)
class _Passes:
    """How often a network is run: to warm up, and to count; ``seed`` is that of the picture."""

    warmup: int
    repeat: int
    seed: int


def _measured(job: Job, wanted: Wanted, dump: Path | None, passes: _Passes) -> Profile:
    note(f"measuring, passes: {passes.warmup} to warm up, {passes.repeat} to count")
    if job.kind == "rpc":
        from tvm_bnn.remote.network import profile_remote

        measured = profile_remote(job.model, job.compile(dump), wanted, **asdict(passes), report=note)
    else:
        from tvm_bnn.deploy.host import check_host
        from tvm_bnn.profiling.profile import profile

        check_host(job.target.name, job.target.requires, job.target.architecture)
        measured = profile(job.model, job.compile(dump), **asdict(passes))
    _compare_sums(measured)
    return measured


def _estimated(job: Job, wanted: Wanted, seed: int) -> Profile:
    from tvm_bnn.profiling.estimated import estimated_profile
    from tvm_bnn.tuning.runners import opened

    note("estimating every kernel by a model of the target; nothing is timed")
    with opened(wanted, job.target, Path(os.devnull), note) as runner:
        return estimated_profile(job.model, job.target, job.choose, runner, seed)


def _compare_sums(profile: Profile) -> None:
    assert profile.total.median_ms is not None
    apart = abs(profile.operators_ms / profile.total.median_ms - 1)
    if apart > _TOLERANCE:
        note(f"sum of operators and end to end are {percent(apart)} apart: measure on an idle machine, --repeat more")


def _table(profile: Profile) -> Table:
    return Table(_COLUMNS, [_row(operator) for operator in profile.operators], _footer(profile))


def _row(operator: OperatorProfile) -> Row:
    shown: dict[str, Any] = operator.model_dump()
    # An operator without multiply-accumulates has no speed in them.
    gops = operator.gops if operator.binary_macs + operator.real_macs else None
    share, roofline = (
        None if value is None else percent(value) for value in (operator.share, operator.roofline_fraction)
    )
    return shown | {"share": share, "gops": gops, "roofline": roofline}


def _footer(profile: Profile) -> list[Row]:
    total = profile.total
    macs = sum(operator.binary_macs + operator.real_macs for operator in profile.operators)
    whole = {
        "name": "sum of operators",
        "evidence": profile.evidence,
        "median_ms": profile.operators_ms,
        "share": percent(1),
    }
    if total.median_ms is None or total.p5_ms is None:
        return [whole]
    spread = f"5%: {total.p5_ms:.3f}  95%: {total.p95_ms:.3f}  passes: {total.runs}"
    return [
        whole,
        {
            "name": "end to end",
            "shape": spread,
            "evidence": profile.evidence,
            "median_ms": total.median_ms,
            "share": percent(total.median_ms / profile.operators_ms),
            "gops": 2 * macs / total.median_ms / 1e6,
        },
    ]
