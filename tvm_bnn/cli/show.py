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
    elif sys.stdout.isatty():
        _draw(table)
    else:
        print(to_plain(table))


def _draw(table: Table) -> None:
    """In a terminal, with the headings set off; rich leaves colours out where NO_COLOR asks for it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=False)
    for column in table.columns:
        drawn.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for block in (table.rows, table.footer):
        for row in block:
            drawn.add_row(*(Text(column.cell(row)) for column in table.columns))
        drawn.add_section()
    Console().print(drawn)
