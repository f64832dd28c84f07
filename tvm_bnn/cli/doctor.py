"""``tvm-bnn doctor``: whether this machine has what it takes, and what its core can do."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli.options import OutputFormat
from tvm_bnn.cli.show import show
from tvm_bnn.errors import ToolchainError
from tvm_bnn.reporting.tables import Column, Table, to_plain

if TYPE_CHECKING:
    from tvm_bnn.profiling.peaks.measure import Peak
    from tvm_bnn.reporting.doctor import Check

_CHECKS = (Column("name", "check"), Column("state", "ok"), Column("found", "found"), Column("hint", "what to do"))
_PEAKS = (
    Column("name", "peak of one core"),
    Column("value", "value", right=True, digits=1),
    Column("unit", "unit"),
    Column("p5", "p5", right=True, digits=1),
    Column("median", "median", right=True, digits=1),
    Column("p95", "p95", right=True, digits=1),
    Column("source", "measured"),
)

Calibrate = Annotated[
    bool, typer.Option("--calibrate", help="Measure what one core can do and keep it for rooflines; some seconds.")
]


def command(calibrate: Calibrate = False, output_format: OutputFormat = "table") -> None:
    """Examine machine, toolchains and versions, and say what to install."""
    from tvm_bnn.reporting.doctor import calibration, examine

    checks = list(examine())
    healthy = all(check.ok for check in checks)
    peaks = _calibrate() if calibrate and healthy else []
    _show([*checks, calibration()], peaks, output_format)


def _calibrate() -> list[Peak]:
    from tvm_bnn.profiling.peaks import calibrate as measuring
    from tvm_bnn.targets import resolve_host

    target = resolve_host()
    _tell(f"measuring one core with code for {target.name}; leave the machine alone meanwhile")
    peaks = measuring.calibrate(target, _tell)
    _tell(f"kept in {measuring.keep(target, peaks)}")
    return peaks


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _show(checks: list[Check], peaks: list[Peak], output_format: OutputFormat) -> None:
    """Print checks, and peaks if there are any; in CSV peaks take the place of checks.

    Raises:
        ToolchainError: a check has failed.
    """
    rows = [dataclasses.asdict(check) for check in checks]
    measured = [dataclasses.asdict(peak) for peak in peaks]
    states = [{**row, "state": _state(check)} for row, check in zip(rows, checks, strict=True)]
    notes = to_plain(Table(_PEAKS, measured)).splitlines() if measured else []
    document: dict[str, Any] = {"schema_version": 1, "checks": rows} | ({"peaks": measured} if measured else {})
    show(Table(_CHECKS, states, notes=notes), document, measured or rows, output_format)
    failed = [check for check in checks if not check.ok]
    if failed:
        names = ", ".join(check.name for check in failed)
        raise ToolchainError(f"expected everything in place, got {len(failed)} failed: {names}", failed[0].hint)


def _state(check: Check) -> str:
    if not check.ok:
        return "NO"
    return "-" if check.hint else "yes"
