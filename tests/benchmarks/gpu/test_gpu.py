import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import __main__ as benchmark
from benchmarks.gpu import registers
from benchmarks.gpu.driver import Driver
from benchmarks.gpu.registers import CHAINS, INSTRUCTIONS, THREADS, peaks, source, tops
from benchmarks.gpu.table import Compared, Findings, markdown, write
from tests.targets.gpus import H200
from tvm_bnn.deploy import nvrtc
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.targets import load

FOUND = Findings(
    "h200",
    {"name": "NVIDIA H200"},
    {"conv2d a": "ok", "conv2d b": "wrong: signs[0]: expected 1, got 0"},
    None,
    {"1 bit, xor": 1234.5},
    [Compared("3x3", {"slow": 2.0, "fast": 0.5}, 1.5), Compared("1x1", {"fast": 0.25}, None)],
)


def test_without_a_gpu_it_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([]) == 4
    err = capsys.readouterr().err
    assert err.startswith("benchmarks.gpu: error: expected an NVIDIA GPU and its driver, got none")
    assert len(err.splitlines()) == 2


def test_results_are_files_for_people_and_for_programs(tmp_path: Path) -> None:
    text = write(FOUND, tmp_path).read_text()
    assert "Kernels equal to the reference: 1 of 2. compute-sanitizer: not there." in text
    assert "- conv2d b: wrong: signs[0]: expected 1, got 0" in text
    assert "| 1 bit, xor | 1234 |" in text
    assert "| 3x3 | fast | 0.5000 | 1.5000 | 3.0 |" in text
    assert "| 1x1 | fast | 0.2500 | - | - |" in text
    document = json.loads((tmp_path / "gpu-h200.json").read_text())
    assert document["schema_version"] == 1
    assert document["compared"][0]["ours_ms"] == {"slow": 2.0, "fast": 0.5}
    assert markdown(FOUND) == text


def test_operations_of_the_loop() -> None:
    bits, bytes_ = INSTRUCTIONS["1 bit, and"], INSTRUCTIONS["8 bits"]
    assert (bits.operations, bytes_.operations) == (65_536, 8_192)
    # One warp, one round: 8 instructions in a microsecond.
    assert tops(bits, 1, 1, 1e-3) == pytest.approx(THREADS / 32 * CHAINS * 65_536 / 1e6)


class Library:
    """Stands for the driver: everything works, and a launch takes 2 ms."""

    def __init__(self) -> None:
        self.launched: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            if name == "cuLaunchKernel":
                self.launched.append(arguments[1:7])
            if name == "cuEventElapsedTime":
                arguments[0]._obj.value = 2.0
            return 1 if name == "cuModuleLoadData" and arguments[1] == b"broken" else 0

        return call


def test_peaks_are_those_of_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_cuda(_: str, arch: str) -> bytes:
        compiled.append(arch)
        return b"code"

    monkeypatch.setattr(registers, "compile_cuda", compile_cuda)
    library = Library()
    found = peaks(Driver(library, 4096), H200.arch, H200.multiprocessors)
    assert list(found) == list(INSTRUCTIONS)
    assert set(library.launched) == {(4 * 132, 1, 1, 256, 1, 1)}
    assert found["1 bit, xor"] == 8 * found["8 bits"]
    assert compiled == ["sm_90"] * 3


def test_an_error_of_the_driver_is_told() -> None:
    with pytest.raises(RuntimeError, match="the driver returned error 1"):
        Driver(Library(), 1).function(b"broken", "loop")


@pytest.mark.parametrize(("name", "mnemonic"), [("1 bit, xor", "BMMA"), ("1 bit, and", "BMMA"), ("8 bits", "IMMA")])
def test_the_loop_is_the_instruction_on_registers(name: str, mnemonic: str, tmp_path: Path) -> None:
    tools = [path for folder in nvrtc.packages() for path in folder.glob("*/bin/nvdisasm")]
    program = next(map(str, tools), shutil.which("nvdisasm"))
    if nvrtc.version() is None or program is None:
        pytest.skip("needs nvidia-cuda-nvrtc and nvidia-cuda-nvdisasm")
    cubin = tmp_path / "loop.cubin"
    cubin.write_bytes(nvrtc.compile_cuda(source(INSTRUCTIONS[name]), "sm_80"))
    text = subprocess.run([program, "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    assert text.count(mnemonic) >= CHAINS
    assert not [word for word in ("LDG", "LDL", "STL", "LDS") if f" {word}" in text]


@pytest.mark.parametrize("name", ["h200", "a100", "orin"])
def test_every_operator_that_is_checked_has_a_lowering(name: str) -> None:
    for operator in (*benchmark.MAPS.values(), *benchmark.ODD, benchmark.ATTENTION):
        assert rows_for(operator, load(name))
