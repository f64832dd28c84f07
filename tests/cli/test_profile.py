import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL
from tvm_bnn import targets
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.model import Profile
from tvm_bnn.profiling.profile import profile
from tvm_bnn.targets import load, resolve_host

QUICK = (MODEL, "--threads", "1", "--warmup", "0", "--repeat", "3")


def test_table_names_operators_and_both_sums(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("profile", *QUICK, "--dump", tmp_path / "dump")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == [
        *("name", "kind", "shape", "lowering", "schedule", "evidence", "median", "ms", "share", "GOP/s", "roofline"),
    ]
    assert [line.split()[0] for line in lines[1:5]] == ["stem.0", "conv", "head", "scores"]
    assert lines[-2].startswith("sum of operators")
    assert lines[-1].startswith("end to end")
    assert "passes: 3" in lines[-1]
    assert "measuring, passes: 0 to warm up, 3 to count" in err.splitlines()
    assert "0-capture.py" in [path.name for path in (tmp_path / "dump").iterdir()]


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (1.09, False), (0.85, True), (1.2, True)])
def test_a_sum_that_is_far_from_the_total_is_said(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, factor: float, told: bool
) -> None:
    def measured(model: LoadedModel, compiled: Compiled, *, warmup: int, repeat: int, seed: int) -> Profile:
        found = profile(model, compiled, warmup=warmup, repeat=repeat, seed=seed)
        total = found.total.model_copy(update={"median_ms": found.operators_ms * factor})
        return found.model_copy(update={"total": total})

    monkeypatch.setattr("tvm_bnn.profiling.profile.profile", measured)
    assert ("apart: measure on an idle machine" in cli("profile", *QUICK).err) == told


def test_json_is_a_profile(cli: Cli) -> None:
    found = Profile.model_validate_json(cli("profile", *QUICK, "--format", "json").out)
    assert (found.model, found.target, found.threads) == (MODEL, resolve_host().name, 1)
    assert (found.total.runs, len(found.operators)) == (3, 4)


def test_csv_has_a_line_an_operator(cli: Cli) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("profile", *QUICK, "--format", "csv").out)))
    assert [row["name"] for row in rows] == ["stem.0", "conv", "head", "scores"]
    assert float(rows[1]["gops"]) > 0


def test_a_target_that_this_machine_is_not(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = dataclasses.replace(load("cpu-portable"), name="foreign", requires=frozenset({"quantum"}))
    monkeypatch.setattr(targets, "load", lambda _: foreign)
    code, out, err = cli("profile", *QUICK)
    assert (code, out) == (4, "")
    assert "target foreign: expected a CPU with quantum, got one without" in err


def test_the_seed_is_of_the_weights_of_a_preset(cli: Cli) -> None:
    code, out, _ = cli(
        *("profile", "kitti-road", "--input-size", "32x64", "--seed", "1", "--width", "S", "--format", "json"),
        *("--warmup", "0", "--repeat", "1"),
    )
    data = json.loads(out)
    assert code == 0
    assert (data["model"], data["width"], data["input_size"]) == ("kitti-road", "S", [32, 64])
    assert sum(operator["share"] for operator in data["operators"]) == pytest.approx(1)
