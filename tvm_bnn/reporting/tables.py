"""Rows as a table for people, as CSV or as JSON; text only, whoever calls decides where it goes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["table", "json", "csv"]
Row = Mapping[str, Any]
_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: of the rows, and the heading in CSV.
        title: the heading for people.
        right: whether its cells are aligned to the right, as numbers are.
        digits: decimals of floating-point cells; None shows them as they are.
    """

    key: str
    title: str
    right: bool = False
    digits: int | None = None

    def cell(self, row: Row) -> str:
        """The text of one cell, for people; empty where the row has nothing."""
        value = row.get(self.key)
        if value is None:
            return ""
        if isinstance(value, float) and self.digits is not None:
            return f"{value:.{self.digits}f}"
        return str(value)


@dataclass(frozen=True)
class Table:
    """Rows with their columns; ``footer`` are rows of sums, ``notes`` lines of text."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    footer: Sequence[Row] = ()
    notes: Sequence[str] = ()


def to_plain(table: Table) -> str:
    """Aligned columns without any drawing: headings, rows, and after blank lines the footer and the notes."""
    body = [[column.cell(row) for column in table.columns] for row in table.rows]
    feet = [[column.cell(row) for column in table.columns] for row in table.footer]
    heading = [column.title for column in table.columns]
    widths = [max(map(len, cells)) for cells in zip(heading, *body, *feet, strict=True)]
    blocks = [[_line(table.columns, cells, widths) for cells in block] for block in ([heading, *body], feet)]
    return "\n\n".join("\n".join(block) for block in [*blocks, table.notes] if block)


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if column.right else cell.ljust(width)
        for column, cell, width in zip(columns, cells, widths, strict=True)
    )
    return _GAP.join(padded).rstrip()


def to_csv(rows: Sequence[Row], keys: Sequence[str]) -> str:
    """A heading and one line a row, numbers in full; an absent value is an empty cell."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, keys, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().removesuffix("\n")


def to_json(document: Mapping[str, Any]) -> str:
    """Indented JSON, keys in the given order.

    Raises:
        ValueError: a number that JSON does not know, such as infinity.
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def to_compact_json(document: Mapping[str, Any]) -> str:
    """The same in one line, for files that only programs read.

    Raises:
        ValueError: a number that JSON does not know, such as infinity.
    """
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
