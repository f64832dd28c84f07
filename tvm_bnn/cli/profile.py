"""``tvm-bnn profile``: where the time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import ESTIMATED, Request, note, resolve
from tvm_bnn.cli.show import show
from tvm_bnn.cli.timing import Passes, profile_of
from tvm_bnn.reporting.labels import percent
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.profiling.model import OperatorProfile, Profile

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


def command(
    model: options.Model = options.DEFAULT_MODEL,
    target: options.TargetName = options.DEFAULT_TARGET,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.ModelSeed = None,
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
    found = profile_of(job, wanted, Passes(warmup, repeat, seed or 0), dump)
    document = found.model_dump(mode="json")
    show(_table(found), document, document["operators"], output_format)
    if found.evidence == "estimated":
        note(ESTIMATED)


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
