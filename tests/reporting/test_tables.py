import csv
import io
import json

import pytest

from tvm_bnn.reporting.tables import Column, Row, Table, to_compact_json, to_csv, to_json, to_plain

COLUMNS = (Column("name", "name"), Column("ms", "median ms", right=True, digits=2))
ROWS = [{"name": "conv", "ms": 1.234}, {"name": "longer name", "ms": 12.0}]


def test_columns_are_aligned() -> None:
    assert to_plain(Table(COLUMNS, ROWS)).splitlines() == [
        "name         median ms",
        "conv              1.23",
        "longer name      12.00",
    ]


def test_footer_stands_apart_and_shares_the_columns() -> None:
    lines = to_plain(Table(COLUMNS, ROWS, [{"name": "sum of everything", "ms": 13.234}])).splitlines()
    assert lines[-2:] == ["", "sum of everything      13.23"]
    assert len(lines[1]) == len(lines[-1])


def test_notes_come_last() -> None:
    lines = to_plain(Table(COLUMNS, ROWS, [{"name": "sum"}], ["much to say about all of them"])).splitlines()
    assert lines[-4:] == ["", "sum", "", "much to say about all of them"]


def test_absent_values_are_empty_and_no_line_ends_in_blanks() -> None:
    assert to_plain(Table(COLUMNS, [{"name": "x"}])).splitlines()[-1] == "x"


def test_a_table_without_rows_is_its_heading() -> None:
    assert to_plain(Table(COLUMNS, [])) == "name  median ms"


def test_numbers_without_digits_are_shown_in_full() -> None:
    assert to_plain(Table((Column("n", "n", right=True),), [{"n": 1234567}])).splitlines()[-1] == "1234567"


def test_csv_survives_commas_and_keeps_numbers_in_full() -> None:
    rows: list[Row] = [{"name": 'a, "b"', "ms": 1.23456789}, {"name": "c", "ms": None}]
    read = list(csv.DictReader(io.StringIO(to_csv(rows, ["name", "ms"]))))
    assert read == [{"name": 'a, "b"', "ms": "1.23456789"}, {"name": "c", "ms": ""}]


def test_csv_leaves_out_what_was_not_asked_for() -> None:
    assert to_csv([{"name": "a", "more": 1}], ["name", "absent"]) == "name,absent\na,"


def test_json_keeps_the_order_and_refuses_what_it_has_no_word_for() -> None:
    assert list(json.loads(to_json({"b": 1, "a": "é"}))) == ["b", "a"]
    assert to_compact_json({"b": 1, "a": "é"}) == '{"b":1,"a":"é"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"ms": float("inf")})
