import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest

from tvm_bnn.profiling.peaks import calibrate as calibrating
from tvm_bnn.profiling.peaks.calibrate import calibrate, keep
from tvm_bnn.profiling.peaks.measure import Peak, Told
from tvm_bnn.profiling.peaks.probe import Probe
from tvm_bnn.targets import Target, cpu_model, load, resolve_host
from tvm_bnn.targets.calibration import read_calibration

PEAK = Peak("binary_gops_per_core", 1234.0, "Gop/s", "a test", 1000.0, 1200.0, 1230.0)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the facts that would have been measured."""
    names: list[str] = []

    def measure(_target: Target, chosen: Sequence[Probe], _told: Told) -> list[Peak]:
        names.extend(probe.fact for probe in chosen)
        return [PEAK]

    monkeypatch.setattr(calibrating, "measure", measure)
    return names


@pytest.mark.parametrize("granted", [True, False])
def test_tiles_are_measured_with_permission_only(
    monkeypatch: pytest.MonkeyPatch, measured: list[str], granted: bool
) -> None:
    monkeypatch.setattr(calibrating, "request_permission", lambda: granted)
    said: list[str] = []
    assert calibrate(load("x86-amx"), said.append) == [PEAK]
    assert ("amx_int8_gops_per_core" in measured) == granted
    assert "binary_gops_per_core" in measured
    assert said == (
        [] if granted else ["the kernel refuses the permission to use AMX tiles: their peak is not measured"]
    )


def test_permission_is_not_asked_for_without_tiles(monkeypatch: pytest.MonkeyPatch, measured: list[str]) -> None:
    monkeypatch.delattr(calibrating, "request_permission")
    said: list[str] = []
    calibrate(load("x86-avx512"), said.append)
    assert said == []
    assert "int8_gops_per_core" in measured


def test_peaks_are_kept_for_this_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    target = resolve_host()
    assert keep(target, [PEAK]).is_relative_to(tmp_path)
    found = read_calibration(target.name)
    assert found is not None
    assert (found.target, found.cpu) == (target.name, cpu_model())
    assert datetime.date.fromisoformat(found.date)
    assert {"tvm-bnn", "tvm"} <= set(found.versions)
    assert load("cpu").peak("binary_gops_per_core") == 1234
