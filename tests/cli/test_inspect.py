import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tvm_bnn.deploy.manifest import read_manifest


def test_table_has_facts_files_and_operators(cli: Cli, tiny_bundle: Path) -> None:
    code, out, err = cli("inspect", tiny_bundle)
    assert (code, err) == (0, "")
    facts, files, operators = out.strip().split("\n\n")
    told = dict(line.split(maxsplit=1) for line in facts.splitlines() if " " in line)
    assert told["input"] == "uint8 1x16x24x3 NHWC"
    assert told["this"] == "machine  can run it"
    assert told["runtime"] == "apache-tvm has to be installed"
    manifest = read_manifest(tiny_bundle)
    assert manifest.files["model.so"].sha256 in files
    assert f"of that binary {manifest.sizes.binary / 1000:.3g} kB" in told["parameters"]
    assert [line.split()[0] for line in operators.splitlines()] == ["name", "stem.0", "conv", "head", "scores"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"architecture": "riscv64"}, "cannot run it: x86_64"),
        ({"requires": ["quantum"]}, "cannot run it: lacks quantum"),
    ],
)
def test_says_when_this_machine_cannot_run_it(
    cli: Cli, tiny_bundle: Path, tmp_path: Path, change: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tvm_bnn.targets.host_architecture", lambda: "x86_64")
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    data = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**data, "architecture": "x86_64", **change}))
    code, out, _ = cli("inspect", bundle)
    assert code == 0
    assert told in out


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
