"""``tvm-bnn diff``: two profiles of one network compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import note
from tvm_bnn.cli.show import show
from tvm_bnn.errors import NumericsError, UsageError
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.profiling.model import Profile
    from tvm_bnn.reporting.difference import Change, Difference

_COLUMNS = (
    Column("name", "name"),
    Column("before_ms", "before ms", right=True, digits=3),
    Column("after_ms", "after ms", right=True, digits=3),
    Column("change", "change", right=True),
    Column("noise", "noise", right=True),
    Column("verdict", "verdict"),
    Column("how", "lowering, schedule"),
)
_MOST_NAMED = 5


def command(
    before: Annotated[Path, typer.Argument(metavar="A", help="The earlier profile, as JSON.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The later profile, as JSON.")],
    fail_above: Annotated[
        float | None,
        typer.Option(
            "--fail-above",
            metavar="PCT",
            min=0,
            help="Exit with 5 where the total or an operator is slower by more percent than this, and beyond noise.",
        ),
    ] = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """What has changed between two profiles of one network, operator by operator, beyond noise."""
    from tvm_bnn.reporting.difference import compare
    from tvm_bnn.reporting.material import read_profile

    first, second = read_profile(before), read_profile(after)
    found = compare(first, second)
    _say_what_differs(first, second, found, fail_above)
    rows = [_flat(change) for change in found.changes]
    show(_table(found), _document(first, second, found), rows, output_format)
    if fail_above is None:
        return
    worse = [change for change in found.changes if change.exceeds(fail_above / 100)]
    if worse:
        named = ", ".join(f"{change.name} by {_percent(change.change)}" for change in worse[:_MOST_NAMED])
        more = f" and {len(worse) - _MOST_NAMED} more" if len(worse) > _MOST_NAMED else ""
        raise NumericsError(
            f"slower by more than {fail_above:g}%: {named}{more}",
            "profile again on an idle machine, or see which lowering has changed",
        )


def _say_what_differs(before: Profile, after: Profile, found: Difference, fail_above: float | None) -> None:
    """Whatever makes the two less than comparable.

    Raises:
        UsageError: a limit is set, and one time is measured and the other estimated.
    """
    if found.mixed:
        message = f"A is {before.evidence} and B is {after.evidence}"
        if fail_above is not None:
            raise UsageError(
                f"--fail-above: expected two profiles of the same evidence, got one that is {before.evidence} and one "
                f"that is {after.evidence}",
                "compare measured with measured, or leave --fail-above out",
            )
        note(f"{message}: a change between them tells how good the model is, not how fast the network became")
    for what, one, other in (
        ("target", before.target, after.target),
        ("device", before.device.name, after.device.name),
        ("threads", before.threads, after.threads),
    ):
        if one != other:
            note(f"{what}: {one} in A, {other} in B")


def _table(found: Difference) -> Table:
    changed = [change for change in found.operators if change.verdict != "same"]
    same = len(found.operators) - len(changed)
    notes = [f"{same} of {len(found.operators)} operators are the same within noise"]
    return Table(_COLUMNS, [_row(change) for change in changed], [_row(found.total)], notes)


def _row(change: Change) -> Row:
    how = change.after if change.before in (change.after, "") else f"{change.before} -> {change.after or 'gone'}"
    return {
        **_flat(change),
        "change": _percent(change.change),
        "noise": f"{100 * change.noise:.1f}%",
        "how": how,
    }


def _flat(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "before_ms": change.before_ms,
        "after_ms": change.after_ms,
        "change": change.change,
        "noise": change.noise,
        "verdict": change.verdict,
        "before": change.before,
        "after": change.after,
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.1f}%"


def _document(before: Profile, after: Profile, found: Difference) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "before": before.model_dump(mode="json", exclude={"operators"}),
        "after": after.model_dump(mode="json", exclude={"operators"}),
        "mixed_evidence": found.mixed,
        "total": _flat(found.total),
        "operators": [_flat(change) for change in found.operators],
    }
