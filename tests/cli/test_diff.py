import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.reporting.profiles import estimated, measured


@pytest.fixture
def before(tmp_path: Path) -> Path:
    path = tmp_path / "a.json"
    path.write_text(measured().model_dump_json())
    return path


@pytest.fixture
def after(tmp_path: Path) -> Path:
    path = tmp_path / "b.json"
    path.write_text(measured((8.0, 3.1, 2.0, 1.0)).model_dump_json())
    return path


def test_the_table_names_what_changed(cli: Cli, before: Path, after: Path) -> None:
    code, out, err = cli("diff", before, after)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if line] == ["name", "stem.0", "total", "3"]
    assert "+100.0%" in out
    assert "3 of 4 operators are the same within noise" in out


def test_a_limit_is_for_what_is_beyond_noise(cli: Cli, before: Path, after: Path) -> None:
    code, _, err = cli("diff", before, after, "--fail-above", 20)
    assert code == 5
    assert "slower by more than 20%: stem.0 by +100.0%" in err
    assert cli("diff", before, after, "--fail-above", 150).code == 0
    # 3% is above the limit, and within noise.
    assert "conv" not in cli("diff", before, after, "--fail-above", 1).err
    assert cli("diff", after, before, "--fail-above", 1).code == 0


def test_csv_and_json_have_every_operator(cli: Cli, before: Path, after: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("diff", before, after, "--format", "csv").out)))
    assert [(row["name"], row["verdict"]) for row in rows][:2] == [("total", "same"), ("stem.0", "slower")]
    document = json.loads(cli("diff", before, after, "--format", "json").out)
    assert (document["schema_version"], document["mixed_evidence"], len(document["operators"])) == (1, False, 4)


def test_measured_and_estimated_are_not_compared_silently(cli: Cli, before: Path, tmp_path: Path) -> None:
    path = tmp_path / "estimate.json"
    path.write_text(estimated().model_dump_json())
    code, _, err = cli("diff", before, path)
    assert code == 0
    assert "A is measured and B is estimated" in err
    assert "target: x86-avx512 in A, rpi4 in B" in err
    code, out, err = cli("diff", before, path, "--fail-above", 5)
    assert (code, out) == (2, "")
    assert "expected two profiles of the same evidence" in err


def test_bad_files(cli: Cli, before: Path, tmp_path: Path) -> None:
    assert cli("diff", before, tmp_path / "none.json").code == 2
    other = tmp_path / "other.json"
    other.write_text(measured(width="M").model_dump_json())
    code, _, err = cli("diff", before, other)
    assert code == 2
    assert "expected two profiles of one network" in err
