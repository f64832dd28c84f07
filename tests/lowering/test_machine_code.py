"""Machine code of kernels for GPUs: the instruction of the tensor cores is there, and no register is spilled."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lowering import emulated_cuda
from tests.lowering.test_registry import FULL
from tvm_bnn.deploy import nvrtc
from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import Conv2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import load

CONV = Conv2d(1, 12, 32, 64, 64, epilogue=FULL)


def nvdisasm() -> str:
    """NVIDIA's disassembler, of the package or on the path."""
    found = [str(path) for folder in nvrtc.packages() for path in folder.glob("*/bin/nvdisasm")]
    program = next(iter(found), shutil.which("nvdisasm"))
    if program is None:
        pytest.skip("needs nvidia-cuda-nvdisasm")
    return program


def instructions(name: str, lowering: str, tile: int | None, folder: Path) -> list[str]:
    """What the kernels of a lowering are compiled to."""
    if nvrtc.version() is None:
        pytest.skip("needs nvidia-cuda-nvrtc")
    target = load(name)
    row, setting = row_named(CONV, target, lowering), Setting(CONV, target, 1)
    assert row is not None
    point = row.space.default(setting) if tile is None else Point(row.space.tiles(setting)[tile], {})
    function = row.space.scheduled(row.lowering.function(CONV, target), setting, point)
    assert target.cuda
    cubin = folder / "kernel.cubin"
    cubin.write_bytes(nvrtc.compile_cuda(emulated_cuda.program(function, target).source, target.cuda.arch))
    text = subprocess.run([nvdisasm(), "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?([A-Z0-9_.]+)", text, re.MULTILINE)


@pytest.mark.parametrize("tile", [None, 0, -1])
@pytest.mark.parametrize(("name", "operation"), [("a100", "XOR"), ("orin", "XOR"), ("h200", "AND")])
def test_tensor_cores_without_spills(name: str, operation: str, tile: int | None, tmp_path: Path) -> None:
    found = instructions(name, "binary-mma", tile, tmp_path)
    products = [instruction for instruction in found if "MMA" in instruction and instruction.startswith("BMMA")]
    assert set(products) == {f"BMMA.168256.{operation}.POPC"}
    assert len(products) >= 8
    assert not [instruction for instruction in found if instruction.startswith(("LDL", "STL"))]


def test_threads_count_bits_without_spills(tmp_path: Path) -> None:
    found = instructions("h200", "popcount-threads", None, tmp_path)
    assert "POPC" in found
    assert not [instruction for instruction in found if instruction.startswith(("LDL", "STL"))]


def test_the_same_source_gives_the_same_bytes() -> None:
    if nvrtc.version() is None:
        pytest.skip("needs nvidia-cuda-nvrtc")
    source = 'extern "C" __global__ void f(int* x) { x[threadIdx.x] = 1; }'
    assert nvrtc.compile_cuda(source, "sm_90") == nvrtc.compile_cuda(source, "sm_90")
