"""Results on stdout: a table for people, CSV or JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tvm_bnn.reporting.tables import Format, Row, Table, to_csv, to_json, to_plain


def show(table: Table, document: Mapping[str, Any], rows: Sequence[Row], output_format: Format) -> None:
    """Print a result in the format that was asked for.

    Args:
        table: for people.
        document: for JSON.
        rows: for CSV; the keys of the first are the columns.
        output_format: which of the three.
    """
    if output_format == "json":
        print(to_json(document))
    elif output_format == "csv":
        print(to_csv(rows, list(rows[0]) if rows else [column.key for column in table.columns]))
    else:
        _print_table(to_plain(table))


def _print_table(text: str) -> None:
    """Columns stay aligned however narrow the terminal is; there, the headings stand out."""
    if not sys.stdout.isatty():
        print(text)
        return
    from rich.console import Console
    from rich.text import Text

    heading, _, rest = text.partition("\n")
    console = Console(soft_wrap=True)
    console.print(Text(heading, style="bold"))
    console.print(Text(rest))
