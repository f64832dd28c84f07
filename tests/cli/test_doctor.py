import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tvm_bnn.profiling.peaks import calibrate as calibrating
from tvm_bnn.profiling.peaks.measure import Peak, Told
from tvm_bnn.reporting import doctor
from tvm_bnn.reporting.doctor import Check
from tvm_bnn.targets import Target, load, resolve_host
from tvm_bnn.targets.calibration import calibration_path

CHECKS = [Check("python", True, "3.11.7"), Check("C++ compiler", False, "none", "install one")]


PEAK = Peak("binary_gops_per_core", 1234.0, "Gop/s", "a test", 1000.0, 1200.0, 1230.0)
NO_CALIBRATION = "none, peaks are those of the target file; `tvm-bnn doctor --calibrate` measures this machine"


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Check]:
    checks = list(CHECKS)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def examine() -> Iterator[Check]:
        yield from checks

    monkeypatch.setattr(doctor, "examine", examine)
    return checks


def test_a_failed_check_is_shown_and_exits_with_4(cli: Cli, examined: list[Check]) -> None:
    code, out, err = cli("doctor")
    assert code == 4
    assert out.splitlines()[2].split() == ["C++", "compiler", "NO", "none", "install", "one"]
    assert err == "tvm-bnn: error: expected everything in place, got 1 failed: C++ compiler\nhint: install one\n"


def test_a_healthy_machine_exits_with_0(cli: Cli, examined: list[Check]) -> None:
    examined.pop()
    assert cli("doctor")[::2] == (0, "")


def test_what_may_be_absent_is_told_apart(cli: Cli, examined: list[Check]) -> None:
    examined[1] = Check("unicorn", True, "not installed", "install it")
    code, out, err = cli("doctor")
    assert (code, err) == (0, "")
    assert out.splitlines()[2].split() == ["unicorn", "-", "not", "installed", "install", "it"]


def test_json_keeps_the_contract(cli: Cli, examined: list[Check]) -> None:
    assert json.loads(cli("doctor", "--format", "json").out) == {
        "schema_version": 1,
        "checks": [
            {"name": "python", "ok": True, "found": "3.11.7", "hint": ""},
            {"name": "C++ compiler", "ok": False, "found": "none", "hint": "install one"},
            {"name": "calibration", "ok": True, "found": NO_CALIBRATION, "hint": ""},
        ],
    }


def test_a_damaged_calibration_is_a_failed_check(cli: Cli, examined: list[Check]) -> None:
    examined.pop()
    path = calibration_path(resolve_host().name)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    code, out, err = cli("doctor")
    assert code == 4
    assert f"{path}: the file: " in out
    assert err.splitlines()[-1] == "hint: run `tvm-bnn doctor --calibrate`, it is written anew"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, examined: list[Check]) -> list[str]:
    """Names of the targets that were measured on what is a healthy machine."""
    examined.pop()
    names: list[str] = []

    def calibrate(target: Target, told: Told) -> list[Peak]:
        names.append(target.name)
        told("half of it")
        return [PEAK]

    monkeypatch.setattr(calibrating, "calibrate", calibrate)
    return names


def test_calibration_shows_and_keeps_the_peaks(cli: Cli, measured: list[str]) -> None:
    target = resolve_host().name
    code, out, err = cli("doctor", "--calibrate")
    assert code == 0
    assert measured == [target]
    assert err.splitlines() == [
        f"measuring one core with code for {target}; leave the machine alone meanwhile",
        "half of it",
        f"kept in {calibration_path(target)}",
    ]
    assert "calibration  yes  of this machine, " in out
    assert out.splitlines()[-1].split()[:6] == ["binary_gops_per_core", "1234.0", "Gop/s", "1000.0", "1200.0", "1230.0"]
    assert load("cpu").facts["binary_gops_per_core"].measured_here


def test_json_has_the_peaks_beside_the_checks(cli: Cli, measured: list[str]) -> None:
    document = json.loads(cli("doctor", "--calibrate", "--format", "json").out)
    assert document["schema_version"] == 1
    assert [check["name"] for check in document["checks"]] == ["python", "calibration"]
    assert document["peaks"] == [
        {
            "name": "binary_gops_per_core",
            "value": 1234.0,
            "unit": "Gop/s",
            "source": "a test",
            "p5": 1000.0,
            "median": 1200.0,
            "p95": 1230.0,
        }
    ]


def test_csv_has_the_peaks(cli: Cli, measured: list[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("doctor", "--calibrate", "--format", "csv").out)))
    assert [(row["name"], row["value"]) for row in rows] == [("binary_gops_per_core", "1234.0")]


def test_a_damaged_calibration_is_written_anew(cli: Cli, measured: list[str]) -> None:
    path = calibration_path(resolve_host().name)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert cli("doctor", "--calibrate").code == 0
    assert cli("doctor").code == 0


def test_nothing_is_measured_on_a_machine_that_lacks_something(
    cli: Cli, measured: list[str], examined: list[Check]
) -> None:
    examined.append(CHECKS[1])
    assert cli("doctor", "--calibrate").code == 4
    assert measured == []
