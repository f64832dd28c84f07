import sys

import pytest

from tvm_bnn.cli.show import show
from tvm_bnn.reporting.tables import Column, Table

TABLE = Table((Column("a", "first"), Column("b", "second", right=True)), [{"a": "[red]x[/]", "b": 1}], [{"a": "sum"}])


def test_without_a_terminal_lines_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    show(TABLE, {}, TABLE.rows, "table")
    assert capsys.readouterr().out == "first      second\n[red]x[/]       1\n\nsum\n"


def test_in_a_terminal_only_the_heading_stands_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "10")
    show(TABLE, {}, TABLE.rows, "table")
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "\x1b[1mfirst      second\x1b[0m"
    assert out.splitlines()[1:] == ["[red]x[/]       1", "", "sum"]


def test_csv_takes_its_columns_from_the_rows_and_else_from_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    show(TABLE, {}, [{"z": 1}], "csv")
    show(TABLE, {}, [], "csv")
    assert capsys.readouterr().out == "z\n1\na,b\n"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    show(TABLE, {"schema_version": 1}, [], "json")
    assert capsys.readouterr().out == '{\n  "schema_version": 1\n}\n'
