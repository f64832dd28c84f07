import csv
import io
import json

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL


def test_table_has_every_layer_and_the_sums(cli: Cli) -> None:
    code, out, err = cli("summary", MODEL)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["stem.0", "conv", "head", "scores"]
    assert "1-bit MACs" in lines[0]
    assert "real MACs" in lines[0]
    assert lines[-2].split()[:3] == ["total", "36.9k", "1.92k"]
    assert lines[-1].split()[-1] == "95.0%"


def test_json_adds_up(cli: Cli) -> None:
    data = json.loads(cli("summary", MODEL, "--format", "json").out)
    assert (data["schema_version"], data["model"], data["input_size"]) == (1, MODEL, [16, 24])
    for key in ("binary_parameters", "real_parameters", "parameter_bytes", "binary_macs", "real_macs", "ops"):
        assert data["total"][key] == sum(layer[key] for layer in data["layers"])
    macs = data["total"]["binary_macs"], data["total"]["real_macs"]
    assert data["total"]["binary_share"] == pytest.approx(macs[0] / sum(macs))


def test_csv_has_a_line_a_layer(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("summary", MODEL, "--format", "csv").out)))
    assert [row["name"] for row in rows] == ["stem.0", "conv", "head", "scores"]
    assert rows[1]["output"] == "1x4x6x64"


def test_a_preset_at_its_own_size(cli: Cli) -> None:
    data = json.loads(cli("summary", "kitti-road", "--seed", "0", "--format", "json").out)
    assert (data["width"], data["input_size"], data["trained"]) == ("S", [384, 1248], False)
    assert data["total"]["binary_share"] > 0.9
