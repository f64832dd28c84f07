"""``tvm-bnn targets``: what can be compiled for, and the facts of each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tvm_bnn.cli.options import OutputFormat
from tvm_bnn.cli.show import show
from tvm_bnn.reporting.tables import Column, Table

if TYPE_CHECKING:
    from tvm_bnn.targets import Target

_COLUMNS = (
    Column("name", "target"),
    Column("host", "this machine"),
    Column("kind", "kind"),
    Column("binary", "1-bit Gop/s", right=True, digits=0),
    Column("int8", "8-bit Gop/s", right=True, digits=0),
    Column("memory", "GB/s", right=True, digits=0),
    Column("description", "description"),
)


def command(output_format: OutputFormat = "table") -> None:
    """List the targets with their facts; peaks are for one core."""
    from tvm_bnn.targets import load, names, resolve_host

    found = [load(name) for name in names()]
    host = resolve_host().name
    document = {"schema_version": 1, "targets": [_described(target) for target in found]}
    show(Table(_COLUMNS, [_row(target, host) for target in found]), document, _facts(found), output_format)


def _described(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "kind": target.kind,
        "description": target.description,
        "features": sorted(target.requires),
        "facts": {name: dataclasses.asdict(fact) for name, fact in target.facts.items()},
    }


def _row(target: Target, host: str) -> dict[str, Any]:
    return {
        "name": target.name,
        "host": "cpu" if target.name == host else "",
        "kind": target.kind,
        "binary": target.peak("binary_gops_per_core"),
        "int8": target.peak("int8_gops_per_core"),
        "memory": target.peak("memory_gbytes_per_s"),
        "description": target.description,
    }


def _facts(targets: list[Target]) -> list[dict[str, Any]]:
    return [
        {"name": target.name, "kind": target.kind, "description": target.description}
        | {name: fact.value for name, fact in target.facts.items()}
        for target in targets
    ]
