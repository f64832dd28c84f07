import csv
import io
import json
import shutil
from pathlib import Path

from tests.cli.conftest import Cli


def test_table_has_facts_and_operators(cli: Cli, tiny_bundle: Path) -> None:
    code, out, err = cli("inspect", tiny_bundle)
    assert (code, err) == (0, "")
    facts, operators = out.strip().split("\n\n")
    assert "uint8 1x16x24x3 NHWC" in facts
    assert [line.split()[0] for line in operators.splitlines()] == ["name", "stem.0", "conv", "head", "scores"]


def test_json_is_the_manifest(cli: Cli, tiny_bundle: Path) -> None:
    out = cli("inspect", tiny_bundle, "--format", "json").out
    assert json.loads(out) == json.loads((tiny_bundle / "manifest.json").read_text())


def test_csv_has_a_line_an_operator(cli: Cli, tiny_bundle: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("inspect", tiny_bundle, "--format", "csv").out)))
    assert [row["name"] for row in rows] == ["stem.0", "conv", "head", "scores"]


def test_what_is_not_a_bundle(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("inspect", tmp_path)
    assert (code, out) == (2, "")
    assert "expected a bundle, got a folder without the manifest of one" in err


def test_a_damaged_bundle(cli: Cli, tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    (bundle / "model.so").write_bytes(b"")
    code, _, err = cli("inspect", bundle)
    assert code == 2
    assert "cannot read model.so: it is empty" in err
