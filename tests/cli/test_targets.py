import csv
import io
import json

from tests.cli.conftest import Cli
from tvm_bnn.targets import load, names, resolve_host


def test_table_lists_all_and_marks_this_machine(cli: Cli) -> None:
    code, out, err = cli("targets")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert list(lines) == names()
    assert [name for name, line in lines.items() if line.split()[1:3] == ["cpu", "cpu"]] == [resolve_host().name]


def test_json_keeps_the_contract(cli: Cli) -> None:
    data = json.loads(cli("targets", "--format", "json").out)
    assert data["schema_version"] == 1
    assert [target["name"] for target in data["targets"]] == names()
    for target in data["targets"]:
        assert list(target) == ["name", "kind", "description", "features", "facts"]
        assert target["features"] == sorted(load(target["name"]).requires)
        assert set(target["facts"]["l2_bytes"]) == {"value", "unit", "source"}


def test_csv_has_a_column_for_every_fact(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("targets", "--format", "csv").out)))
    assert [row["name"] for row in rows] == names()
    assert set(load("cpu").facts) < set(rows[0])
