from pathlib import Path
from typing import Any

import pytest

from tests.tuning.offline import BOARD, H200, HOST, gpu, machine
from tvm_bnn.targets import Target
from tvm_bnn.tuning.measuring import machine as module
from tvm_bnn.tuning.measuring.machine import cpu_state, gpu_state, unfit
from tvm_bnn.tuning.offline import needs
from tvm_bnn.tuning.settle import versions

CORE = "processor : {}\nBogoMIPS : 108.00\nFeatures : fp asimd {}\nCPU part : 0xd08\n\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_an_arm_board(tmp_path: Path) -> None:
    board = {"proc/cpuinfo": CORE.format(0, "crc32") + CORE.format(1, "aes"), "proc/device-tree/model": "Pi 4\0"}
    found = module.machine(write(tmp_path, board))
    assert (found["model"], found["features"], found["parts"]) == ("Pi 4", ["asimd", "fp"], ["0xd08"])
    assert found["emulated"] is False


def test_an_emulated_machine(tmp_path: Path) -> None:
    assert module.machine(write(tmp_path, {"proc/sys/kernel/arch": "riscv64\n"}))["emulated"]


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    found = module.machine(tmp_path)
    assert (found["features"], found["parts"]) == ([], [])
    assert found["model"] == found["architecture"]
    assert cpu_state(tmp_path) == {}


def test_this_machine_is_of_its_own_target() -> None:
    tvm = versions()
    found = {**module.machine(), "tvm": tvm["tvm"], "tvm_ffi": tvm["tvm-ffi"], "gpu": None}
    assert unfit(found, needs(HOST, 1, tvm)) == ""


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"proc/cpuinfo": "cpu MHz : 1800.5\ncpu MHz : 3100.0\n"}, {"clock_mhz": 3100.0}),
        (
            {
                "proc/cpuinfo": "cpu MHz : 1800.5\n",
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
                "sys/class/thermal/thermal_zone0/temp": "48300\n",
            },
            {"clock_mhz": 1500.0, "temperature_c": 48.3},
        ),
    ],
)
def test_clocks_of_a_cpu(tmp_path: Path, files: dict[str, str], state: dict[str, float]) -> None:
    assert cpu_state(write(tmp_path, files)) == state


SMI = """#!/bin/sh
echo "$@" > {log}
echo "1980, 2619, 1980, 41, [N/A]"
"""


def test_clocks_of_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(SMI.format(log=tmp_path / "asked"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    state = {"clock_mhz": 1980.0, "memory_clock_mhz": 2619.0, "most_clock_mhz": 1980.0, "temperature_c": 41.0}
    assert gpu_state(1) == state
    # The driver's program counts all GPUs.
    assert "--id=7 " in (tmp_path / "asked").read_text()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    gpu_state(1)
    assert "--id=1 " in (tmp_path / "asked").read_text()


def test_clocks_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert gpu_state(0) == {}


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (H200, gpu()),
        (HOST, machine()),
        (BOARD, machine(architecture="aarch64", features=sorted(BOARD.requires), parts=["0xd08"])),
    ],
)
def test_the_right_machine(target: Target, found: dict[str, Any]) -> None:
    assert unfit(found, needs(target, 4, versions())) == ""


def test_gpus_need_no_cores_of_the_cpu() -> None:
    assert unfit(gpu(cores=2), needs(H200, 132, versions())) == ""
