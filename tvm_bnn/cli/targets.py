"""``tvm-bnn targets``: what can be compiled for, and the facts of each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli.options import OutputFormat
from tvm_bnn.cli.show import show
from tvm_bnn.reporting.tables import Column, Table

if TYPE_CHECKING:
    from tvm_bnn.targets import Fact, Target

_COLUMNS = (
    Column("name", "target"),
    Column("host", "this machine"),
    Column("kind", "kind"),
    Column("cores", "cores", right=True),
    Column("clock", "GHz", right=True, digits=1),
    Column("binary", "1-bit Gop/s", right=True, digits=0),
    Column("int8", "8-bit", right=True, digits=0),
    Column("tiles", "8-bit AMX", right=True, digits=0),
    Column("float", "float", right=True, digits=0),
    Column("cache", "cache GB/s", right=True, digits=0),
    Column("memory", "memory GB/s", right=True, digits=0),
    Column("peaks", "peaks"),
    Column("description", "description"),
)
_PEAKS = {
    "clock": "clock_ghz",
    "binary": "binary_gops_per_core",
    "int8": "int8_gops_per_core",
    "tiles": "amx_int8_gops_per_core",
    "float": "float_gops_per_core",
    "cache": "cache_gbytes_per_s",
    "memory": "memory_gbytes_per_s",
}
_FACT_COLUMNS = (
    Column("fact", "fact"),
    Column("shown", "value", right=True),
    Column("unit", "unit"),
    Column("known", "known"),
    Column("source", "source"),
)
_HERE = "measured here"

Name = Annotated[str | None, typer.Argument(metavar="[TARGET]", help="Show the facts of this one, with their sources.")]


def command(name: Name = None, output_format: OutputFormat = "table") -> None:
    """List the targets, or the facts of one; peaks are for one core."""
    from tvm_bnn.targets import load, names, present

    here = {target.name: alias for alias, target in present().items()}
    found = [load(each) for each in (dict.fromkeys([*names(), *here]) if name is None else [name])]
    document = {"schema_version": 1, "targets": [_described(target) for target in found]}
    if name is None:
        rows = [_row(target, here.get(target.name, "")) for target in found]
        show(Table(_COLUMNS, rows), document, _facts(found), output_format)
    else:
        rows = [_fact(fact, value) for fact, value in found[0].facts.items()]
        notes = [f"{found[0].name}: {found[0].description}"]
        shown = [{**row, "shown": _shown(row["value"])} for row in rows]
        show(Table(_FACT_COLUMNS, shown, notes=notes), document, rows, output_format)


def _described(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "kind": target.kind,
        "description": target.description,
        "cores": target.cores,
        "features": sorted(target.requires),
        "facts": {name: dataclasses.asdict(fact) for name, fact in target.facts.items()},
    }


def _row(target: Target, alias: str) -> dict[str, Any]:
    """``alias`` is the other name of a target that this machine is, else empty."""
    measured = any(fact.measured_here for fact in target.facts.values())
    peaks = {key: target.peak(fact) for key, fact in _PEAKS.items() if fact in target.facts}
    return {
        "name": target.name,
        "host": alias,
        "kind": target.kind,
        "cores": target.cores,
        **peaks,
        "peaks": _HERE if measured else "of its file",
        "description": target.description,
    }


def _fact(name: str, fact: Fact) -> dict[str, Any]:
    known = "nominal" if fact.source.startswith("nominal") else "measured elsewhere"
    return {"fact": name, **dataclasses.asdict(fact), "known": _HERE if fact.measured_here else known}


def _shown(value: float) -> str:
    """Decimals for small numbers only: a clock has them, a size has none."""
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def _facts(targets: list[Target]) -> list[dict[str, Any]]:
    """One row a target with a column for every fact that any of them has."""
    columns = dict.fromkeys(fact for target in targets for fact in target.facts)
    return [
        {"name": target.name, "kind": target.kind, "cores": target.cores, "description": target.description}
        | {name: target.facts[name].value if name in target.facts else None for name in columns}
        for target in targets
    ]
