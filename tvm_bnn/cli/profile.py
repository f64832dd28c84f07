"""``tvm-bnn profile``: where the time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import Request, note, resolve
from tvm_bnn.cli.show import show
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
    dump: options.Dump = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """Latency per operator and in total, measured on this machine."""
    job = resolve(Request(model, width, input_size, seed, target, threads, work_dir, records))
    from tvm_bnn.deploy.host import check_host
    from tvm_bnn.profiling.profile import profile

    check_host(job.target.name, job.target.requires)
    compiled = job.compile(dump)
    note(f"measuring, passes: {warmup} to warm up, {repeat} to count")
    measured = profile(job.model, compiled, warmup=warmup, repeat=repeat, seed=seed)
    _compare_sums(measured)
    document = measured.model_dump(mode="json")
    show(_table(measured), document, document["operators"], output_format)


def _compare_sums(profile: Profile) -> None:
    apart = abs(profile.operators_ms / profile.total.median_ms - 1)
    if apart > _TOLERANCE:
        note(f"sum of operators and end to end are {percent(apart)} apart: measure on an idle machine, --repeat more")


def _table(profile: Profile) -> Table:
    return Table(_COLUMNS, [_row(operator) for operator in profile.operators], _footer(profile))


def _row(operator: OperatorProfile) -> Row:
    shown: dict[str, Any] = operator.model_dump()
    # An operator without multiply-accumulates has no speed in them.
    gops = operator.gops if operator.binary_macs + operator.real_macs else None
    return shown | {"share": percent(operator.share), "gops": gops, "roofline": percent(operator.roofline_fraction)}


def _footer(profile: Profile) -> list[Row]:
    total = profile.total
    macs = sum(operator.binary_macs + operator.real_macs for operator in profile.operators)
    spread = f"5%: {total.p5_ms:.3f}  95%: {total.p95_ms:.3f}  passes: {total.runs}"
    return [
        {"name": "sum of operators", "median_ms": profile.operators_ms, "share": percent(1)},
        {
            "name": "end to end",
            "shape": spread,
            "evidence": profile.evidence,
            "median_ms": total.median_ms,
            "share": percent(total.median_ms / profile.operators_ms),
            "gops": 2 * macs / total.median_ms / 1e6,
        },
    ]
