import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.targets import Fact, cpu_model, load
from tvm_bnn.targets.calibration import Calibration, calibration_path, read_calibration, write_calibration

PEAK = Fact(1234.5, "Gop/s", "xor, popcount and add")
CALIBRATION = Calibration("x86-avx512", cpu_model(), "2026-11-24", {"tvm": "0.27"}, {"binary_gops_per_core": PEAK})
SIZES = ("vector_bits", "vector_registers", "l1d_bytes", "l2_bytes", "l3_bytes_per_core")


@pytest.fixture(autouse=True)
def data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def test_file_comes_back_as_it_was() -> None:
    path = write_calibration(CALIBRATION)
    assert path == calibration_path("x86-avx512")
    assert read_calibration("x86-avx512") == CALIBRATION


def test_no_file_is_no_calibration() -> None:
    assert read_calibration("x86-avx512") is None
    assert not any(fact.measured_here for fact in load("x86-avx512").facts.values())


def test_place_follows_the_base_directory_specification(monkeypatch: pytest.MonkeyPatch, data_home: Path) -> None:
    assert calibration_path("a") == data_home / "tvm-bnn" / "calibration" / "a.json"
    monkeypatch.setenv("HOME", "/home/somebody")
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_DATA_HOME", unusable)
        assert calibration_path("a") == Path("/home/somebody/.local/share/tvm-bnn/calibration/a.json")


def test_measured_peaks_take_the_place_of_the_files() -> None:
    before = load("x86-avx512")
    write_calibration(CALIBRATION)
    target = load("x86-avx512")
    fact = target.facts["binary_gops_per_core"]
    assert (fact.value, fact.unit, fact.measured_here) == (1234.5, "Gop/s", True)
    assert fact.source == f"measured on {cpu_model()}, 2026-11-24: xor, popcount and add"
    assert list(target.facts) == list(before.facts)
    assert {name: target.facts[name] for name in SIZES} == {name: before.facts[name] for name in SIZES}
    assert hash(target) == hash(before)
    assert not any(fact.measured_here for fact in load("x86-avx2").facts.values())


def test_a_peak_that_the_target_does_not_have_is_left_out() -> None:
    write_calibration(dataclasses.replace(CALIBRATION, facts={"amx_int8_gops_per_core": PEAK}))
    assert "amx_int8_gops_per_core" not in load("x86-avx512").facts


def test_another_cpu_is_another_calibration() -> None:
    write_calibration(dataclasses.replace(CALIBRATION, cpu="Some CPU @ 2.60GHz"))
    assert load("x86-avx512").peak("binary_gops_per_core") == 2400
    found = read_calibration("x86-avx512")
    assert found is not None
    assert found.cpu == "Some CPU @ 2.60GHz"


def damaged(**changes: Any) -> str:
    return json.dumps(json.loads(calibration_path("x86-avx512").read_text()) | changes)


FACT = {"value": 1, "unit": "Gop/s", "source": "a test"}
DAMAGE = [
    ({"schema_version": 2}, "schema_version: "),
    ({"target": "x86-avx2"}, "target: expected 'x86-avx512', got 'x86-avx2'"),
    ({"date": "yesterday"}, "date: "),
    ({"extra": 1}, "extra: "),
    ({"facts": {"l2_bytes": FACT}}, "facts.l2_bytes: "),
    ({"facts": {"binary_gops_per_core": FACT | {"value": 0}}}, "facts.binary_gops_per_core.value: "),
    ({"facts": {"binary_gops_per_core": FACT | {"unit": "GB/s"}}}, "facts.binary_gops_per_core.unit: "),
]


@pytest.mark.parametrize(("changes", "message"), DAMAGE)
def test_a_damaged_file_is_named_and_not_used(changes: dict[str, Any], message: str) -> None:
    path = write_calibration(CALIBRATION)
    path.write_text(damaged(**changes))
    with pytest.raises(UsageError, match=f"x86-avx512.json: {message}") as caught:
        read_calibration("x86-avx512")
    assert "\n" not in caught.value.message
    assert "doctor --calibrate" in str(caught.value.hint)
    assert load("x86-avx512").peak("binary_gops_per_core") == 2400


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"schema_version": 1,'])
def test_half_a_file_is_not_used(content: bytes) -> None:
    path = write_calibration(CALIBRATION)
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"x86-avx512.json: the file: "):
        read_calibration("x86-avx512")
    assert load("x86-avx512").peak("binary_gops_per_core") == 2400


def test_what_is_no_file_is_not_used() -> None:
    calibration_path("x86-avx512").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_calibration("x86-avx512")
    assert load("x86-avx512").peak("binary_gops_per_core") == 2400
