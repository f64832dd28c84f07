import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.targets.gpus import H200
from tvm_bnn.deploy.link import cxx_compiler
from tvm_bnn.reporting import doctor
from tvm_bnn.reporting.doctor import (
    BOARD_RANGES,
    BOARD_TRIPLE,
    PINS,
    PYTHON,
    RANGES,
    Check,
    calibration,
    examine,
)
from tvm_bnn.targets import Fact, cpu_model, gpu, resolve_host
from tvm_bnn.targets.calibration import Calibration, calibration_path, write_calibration

OPTIONAL = {"target cuda", f"linker for {BOARD_TRIPLE}", *BOARD_RANGES, "llvm-mca", "qemu-aarch64"}
Range = tuple[tuple[int, ...], tuple[int, ...]]
ROOT = Path(__file__).resolve().parents[2]


def checks() -> dict[str, Check]:
    return {check.name: check for check in examine()}


def test_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_gpu", lambda: H200)
    assert doctor._gpu() == Check("target cuda", True, "h200: NVIDIA H200 SXM (GH100, compute capability 9.0)")


def bounds_of(ranges: Mapping[str, Range]) -> set[str]:
    return {
        f"{package}>={'.'.join(map(str, low))},<{'.'.join(map(str, high))}" for package, (low, high) in ranges.items()
    }


def test_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = {
        text.partition("[")[0] + text.partition("]")[2] if "[" in text else text for text in project["dependencies"]
    }
    assert {f"{package}=={version}" for package, version in PINS.items()} <= stated
    assert bounds_of(RANGES) <= stated
    assert bounds_of(BOARD_RANGES) < set(project["optional-dependencies"]["rpi"])
    assert project["requires-python"] == f">={'.'.join(map(str, PYTHON))}"


def test_this_machine_is_healthy() -> None:
    found = checks()
    assert [check for check in found.values() if not check.ok] == []
    assert set(PINS) | set(RANGES) | {"python", "C++ compiler", "kernel", "target cpu"} <= set(found)
    assert set(found) >= OPTIONAL
    assert {check.name for check in found.values() if check.hint} <= OPTIONAL


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_kernel", lambda: Check("kernel", True, "not tried"))


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize(
    ("package", "version", "hint"),
    [
        ("apache-tvm-ffi", "0.1.15.post1", f"pip install apache-tvm-ffi=={PINS['apache-tvm-ffi']}"),
        ("torch", "2.13.1+cu130", "pip install torch==2.13.0"),
        ("numpy", "1.26.4", "pip install 'numpy>=2.1,<3'"),
        ("numpy", "3.0.0rc1", "pip install 'numpy>=2.1,<3'"),
    ],
)
def test_wrong_versions_are_named(monkeypatch: pytest.MonkeyPatch, package: str, version: str, hint: str) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: version if name == package else None)
    found = checks()[package]
    assert (found.ok, found.found, found.hint) == (False, version, hint)


@pytest.mark.usefixtures("no_kernel")
def test_absent_packages_are_named() -> None:
    assert doctor._version("no-such-package-at-all") is None
    assert doctor._pinned("no-such-package-at-all", "1").found == "not installed"
    assert doctor._ranged("no-such-package-at-all", (1,), (2,)).found == "not installed"


@pytest.mark.usefixtures("no_kernel")
def test_a_build_of_torch_for_a_device_is_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "2.13.0+cu130")
    assert checks()["torch"].ok


@pytest.mark.usefixtures("no_kernel")
def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    found = checks()["C++ compiler"]
    assert not found.ok
    assert "install a C++ compiler" in found.hint


@pytest.mark.usefixtures("no_kernel")
def test_a_compiler_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "false")
    assert not checks()["C++ compiler"].ok


@pytest.mark.usefixtures("no_kernel")
def test_what_only_boards_need_may_be_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = cxx_compiler()
    assert compiler is not None
    monkeypatch.setenv("CXX", compiler)
    monkeypatch.setenv("PATH", str(tmp_path))
    version = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in BOARD_RANGES else version(name))
    monkeypatch.setattr(doctor, "cross_linker", lambda _triple: None)
    found = checks()
    assert [check for check in found.values() if not check.ok] == []
    assert {check.name for check in found.values() if check.hint} == OPTIONAL
    assert found["unicorn"].hint == "pip install 'tvm-bnn[rpi]'"
    assert "pip install ziglang" in found[f"linker for {BOARD_TRIPLE}"].hint
    assert found["llvm-mca"].found == "none; only to cross-check estimates"


@pytest.mark.usefixtures("no_kernel")
def test_what_only_boards_need_may_be_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "find_mca", lambda: tmp_path)
    monkeypatch.setattr(doctor, "cross_linker", lambda _triple: ["false", "-shared"])
    version = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: "4.0.1" if name == "capstone" else version(name))
    found = checks()
    assert [check for check in found.values() if not check.ok] == []
    assert "exit status 1" in found[f"linker for {BOARD_TRIPLE}"].found
    assert {check.name for check in found.values() if check.hint} >= OPTIONAL - {
        "unicorn",
        "pyelftools",
        "qemu-aarch64",
    }


def test_a_crash_is_reported_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PROBE", "import os; os.abort()")
    found = doctor._kernel()
    assert (found.ok, found.found) == (False, "the process ended with code -6")


def test_an_error_is_reported_by_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PROBE", "raise RuntimeError('no such thing')")
    assert doctor._kernel().found == "RuntimeError: no such thing"


def test_a_process_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_options: object) -> None:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(subprocess, "run", hang)
    assert "not built within" in doctor._kernel().found


def test_looking_loads_none_of_it() -> None:
    script = "import sys, tvm_bnn.reporting.doctor; print(sorted({'torch', 'tvm', 'xgboost'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


@pytest.fixture
def user_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def calibrate(cpu: str) -> None:
    peaks = {"binary_gops_per_core": Fact(1234, "Gop/s", "a test")}
    write_calibration(Calibration(resolve_host().name, cpu, "2026-11-24", {}, peaks))


@pytest.mark.usefixtures("user_data")
def test_calibration_is_none_of_this_machine_or_of_another() -> None:
    assert calibration().found.startswith("none, peaks are those of the target file; `tvm-bnn doctor --calibrate`")
    calibrate(cpu_model())
    assert calibration() == Check("calibration", True, "of this machine, 2026-11-24")
    calibrate("Some CPU @ 2.60GHz")
    found = calibration()
    assert found.ok
    assert found.found.startswith("of another CPU, Some CPU @ 2.60GHz, and not used; `tvm-bnn doctor --calibrate`")


@pytest.mark.usefixtures("user_data")
def test_a_damaged_calibration_is_named() -> None:
    calibrate(cpu_model())
    path = calibration_path(resolve_host().name)
    path.write_text(path.read_text()[:-20])
    found = calibration()
    assert not found.ok
    assert found.found.startswith(f"{path}: the file: ")
    assert found.hint == "run `tvm-bnn doctor --calibrate`, it is written anew"
