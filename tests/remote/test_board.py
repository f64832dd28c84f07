import os
import platform
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tvm_bnn.remote import board
from tvm_bnn.remote.board import facts, state

ROOT = Path(__file__).resolve().parents[2]
PI = {
    "proc/cpuinfo": "processor\t: 0\nCPU part\t: 0xd08\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/sys/kernel/arch": "aarch64\n",
    "proc/meminfo": "MemTotal: 3884104 kB\nMemAvailable:    3000 kB\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
}


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that tell of a Raspberry Pi 4."""
    for name, text in PI.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    return tmp_path


def test_what_a_board_is(pi: Path) -> None:
    vector = struct.pack("=QQQQ", 16, 1 << 0 | 1 << 1 | 1 << 7, 0, 0)
    (pi / "proc/self").mkdir()
    (pi / "proc/self/auxv").write_bytes(vector)
    found = facts(pi)
    assert (found["model"], found["machine"], found["emulated"]) == (
        "Raspberry Pi 4 Model B Rev 1.4",
        "aarch64",
        False,
    )
    assert found["features"] == ["fp", "asimd", "crc32"]
    assert found["bits"] == struct.calcsize("P") * 8


def test_an_emulator_is_known_by_its_kernel(pi: Path) -> None:
    (pi / "proc/sys/kernel/arch").write_text("x86_64\n")
    found = facts(pi)
    assert found["emulated"]
    assert found["model"] == "emulated on Raspberry Pi 4 Model B Rev 1.4"


def test_features_without_the_kernels_word(pi: Path) -> None:
    with (pi / "proc/cpuinfo").open("a") as file:
        file.write("Features : fp asimd\n")
    assert facts(pi)["features"] == ["fp", "asimd"]


def test_this_machine() -> None:
    found = facts()
    assert not found["emulated"]
    assert found["cores"] == os.cpu_count()
    assert found["features"]


def test_the_state_of_a_board(pi: Path) -> None:
    assert state(pi) == {
        "governor": "ondemand",
        "clock_mhz": 1500.0,
        "temperature_c": 48.312,
        "throttled": 0x50005,
        "free_bytes": 3000 * 1024,
    }


def test_a_machine_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert set(state(tmp_path).values()) == {None}
    assert facts(tmp_path)["model"] == platform.machine()


@pytest.mark.parametrize(("answer", "flags"), [("throttled=0x50000", 0x50000), ("VCHI initialization failed", None)])
def test_flags_from_the_firmwares_program(
    answer: str, flags: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\necho {answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert state(tmp_path)["throttled"] == flags


def test_it_runs_alone(tmp_path: Path) -> None:
    """Copied to a board that has TVM and nothing else of ours."""
    copy = shutil.copy(board.__file__, tmp_path / "board.py")
    ran = subprocess.run(
        [sys.executable, copy, "--tracker", "nowhere", "--key", "rpi4"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 2
    assert "--tracker: expected HOST:PORT, got 'nowhere'" in ran.stderr


def test_it_needs_no_package_but_tvm() -> None:
    script = (
        "import sys; import tvm_bnn.remote.board;"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('tvm', 'torch', 'pydantic', 'numpy')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
