"""``tvm-bnn doctor``: whether this machine has what it takes."""

from __future__ import annotations

import dataclasses

from tvm_bnn.cli.options import OutputFormat
from tvm_bnn.cli.show import show
from tvm_bnn.errors import ToolchainError
from tvm_bnn.reporting.tables import Column, Table

_COLUMNS = (Column("name", "check"), Column("state", "ok"), Column("found", "found"), Column("hint", "what to do"))


def command(output_format: OutputFormat = "table") -> None:
    """Examine machine, toolchains and versions, and say what to install."""
    from tvm_bnn.reporting.doctor import examine

    checks = list(examine())
    rows = [dataclasses.asdict(check) for check in checks]
    table = Table(_COLUMNS, [{**row, "state": "yes" if row["ok"] else "NO"} for row in rows])
    show(table, {"schema_version": 1, "checks": rows}, rows, output_format)
    failed = [check for check in checks if not check.ok]
    if failed:
        names = ", ".join(check.name for check in failed)
        raise ToolchainError(f"expected everything in place, got {len(failed)} failed: {names}", failed[0].hint)
