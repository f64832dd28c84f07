import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.targets.gpus import GEFORCE, H200
from tvm_bnn.targets import Fact, Gpu, cpu_model, gpu, load, names, resolve_host
from tvm_bnn.targets.calibration import Calibration, write_calibration


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
        assert list(target) == ["name", "kind", "description", "cores", "features", "facts"]
        assert target["features"] == sorted(load(target["name"]).requires)
        assert set(target["facts"]["l2_bytes"]) == {"value", "unit", "source", "measured_here"}


def test_a_board_is_shown_with_its_cores_and_its_clock(cli: Cli) -> None:
    heading, *lines = cli("targets").out.splitlines()
    assert heading.split()[3:6] == ["kind", "cores", "GHz"]
    assert {line.split()[0]: line.split()[1:4] for line in lines if line.startswith("rpi")} == {
        "rpi5": ["cpu", "4", "2.4"],
        "rpi4": ["cpu", "4", "1.5"],
        "rpi3": ["cpu", "4", "1.2"],
    }
    boards = json.loads(cli("targets", "--format", "json").out)["targets"]
    assert {board["name"]: board["cores"] for board in boards if board["name"].startswith("rpi")} == {
        "rpi5": 4,
        "rpi4": 4,
        "rpi3": 4,
    }
    lines = cli("targets", "rpi4").out.splitlines()
    assert [line.split()[:3] for line in lines[1:6:4]] == [["clock_ghz", "1.5", "GHz"], ["l2_bytes", "1048576", "byte"]]


def test_csv_has_a_column_for_every_fact(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("targets", "--format", "csv").out)))
    assert [row["name"] for row in rows] == names()
    assert set(load("cpu").facts) < set(rows[0])
    tiles = {row["name"]: row["amx_int8_gops_per_core"] for row in rows}
    assert [name for name, peak in tiles.items() if peak] == ["x86-amx"]


def test_one_target_is_shown_with_the_sources_of_its_facts(cli: Cli) -> None:
    code, out, err = cli("targets", "x86-amx")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()[1:] if line}
    assert set(load("x86-amx").facts) < set(lines)
    assert "nominal: Sapphire Rapids, 1.875 MiB a core" in lines["l3_bytes_per_core"]
    assert "measured elsewhere" in lines["amx_int8_gops_per_core"]
    assert out.splitlines()[-1] == f"x86-amx: {load('x86-amx').description}"


def test_one_target_as_data(cli: Cli) -> None:
    data = json.loads(cli("targets", "cpu", "--format", "json").out)
    assert [target["name"] for target in data["targets"]] == [resolve_host().name]
    rows = list(csv.DictReader(io.StringIO(cli("targets", "cpu", "--format", "csv").out)))
    assert [row["fact"] for row in rows] == list(load("cpu").facts)


def test_unknown_target(cli: Cli) -> None:
    code, out, err = cli("targets", "x86-amd")
    assert (code, out) == (2, "")
    assert "got 'x86-amd'" in err


def test_what_was_measured_here_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    peaks = {"binary_gops_per_core": Fact(1234, "Gop/s", "a test")}
    write_calibration(Calibration("x86-avx2", cpu_model(), "2026-11-24", {}, peaks))
    lines = {line.split()[0]: line for line in cli("targets").out.splitlines()}
    assert [name for name, line in lines.items() if "measured here" in line] == ["x86-avx2"]
    facts = [line for line in cli("targets", "x86-avx2").out.splitlines() if "measured here" in line]
    assert len(facts) == 1
    assert f"1234  Gop/s     measured here  measured on {cpu_model()}, 2026-11-24: a test" in facts[0]


@pytest.mark.parametrize(("card", "name"), [(H200, "h200"), (GEFORCE, "gpu-geforce-rtx-4090")])
def test_a_gpu_that_is_here_is_marked_whether_it_has_a_file_or_not(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, card: Gpu, name: str
) -> None:
    monkeypatch.setattr(gpu, "find_gpu", lambda: card)
    lines = {line.split()[0]: line.split()[1] for line in cli("targets").out.splitlines()[1:]}
    assert {alias: target for target, alias in lines.items() if target in (name, resolve_host().name)} == {
        "cpu": resolve_host().name,
        "cuda": name,
    }
    assert set(lines) == {*names(), name}
    assert f"\n{name}: NVIDIA " in cli("targets", "cuda").out
