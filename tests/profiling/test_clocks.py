import subprocess
from typing import Any

import pytest

from tvm_bnn.profiling.clocks import Clocks, parsed, read_clocks
from tvm_bnn.profiling.model import Device


def test_a_line_of_the_tool() -> None:
    assert parsed("580.65.06, 1980, 3201, 1980, 41, 312.50\n") == Clocks(
        driver="580.65.06", sm_mhz=1980, memory_mhz=3201, most_sm_mhz=1980, celsius=41, watts=312.5
    )


def test_what_the_tool_does_not_tell_is_absent() -> None:
    found = parsed("580.65.06, 1980, [N/A], 1980, 41, [Not Supported]")
    assert found is not None
    assert (found.memory_mhz, found.watts, found.sm_mhz) == (None, None, 1980)


@pytest.mark.parametrize("told", ["", "No devices were found", "1, 2, 3"])
def test_another_text_is_nothing(told: str) -> None:
    assert parsed(told) is None


def test_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert read_clocks() is None


def test_the_visible_gpu_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "580.65.06, 1980, 3201, 1980, 41, 312.50\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    found = read_clocks()
    assert found is not None
    assert asked[0][:3] == ["nvidia-smi", "-i", "3"]
    device = Device(name="NVIDIA H200", architecture="sm_90", logical_cores=132, clocks=found)
    assert device.model_dump()["clocks"]["sm_mhz"] == 1980


def test_a_cpu_has_no_clocks() -> None:
    assert "clocks" not in Device(name="a CPU", architecture="x86_64", logical_cores=2).model_dump()
