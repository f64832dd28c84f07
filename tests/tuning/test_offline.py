"""Folders of candidates: how they are built, and that the script's part of the program reads them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tuning.offline import BOARD, H200, HOST, SMALL, request
from tvm_bnn.deploy import nvrtc
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target
from tvm_bnn.tuning import offline
from tvm_bnn.tuning.measuring import kernel
from tvm_bnn.tuning.offline import SCRIPT, builders, finish, make_folder, needs, pack
from tvm_bnn.tuning.process import Process
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.worker import Request


@pytest.fixture
def packed(tmp_path: Path) -> dict[str, Any]:
    return pack(str(tmp_path), 3, request().to_dict())["candidate"]


def test_a_candidate_is_right_and_timed(tmp_path: Path, packed: dict[str, Any]) -> None:
    found = kernel.measure(tmp_path, packed, 0, 3, None)
    assert len(found["run_secs"]) == 3
    assert (tmp_path / "00003.so").is_file()
    assert all((tmp_path / name).is_file() for name in (*packed["inputs"], *packed["expected"]))


def test_one_that_is_slow_is_not_measured_to_the_end(tmp_path: Path, packed: dict[str, Any]) -> None:
    assert len(kernel.measure(tmp_path, packed, 0, 5, 1e-12)["run_secs"]) == 2
    assert len(kernel.measure(tmp_path, packed, 0, 5, 1e12)["run_secs"]) == 5


def test_one_that_is_wrong_is_not_timed(tmp_path: Path, packed: dict[str, Any]) -> None:
    path = tmp_path / packed["expected"][0]
    array = np.load(path)
    array.flat[5] += 1
    np.save(path, array)
    found = kernel.measure(tmp_path, packed, 0, 3, None)
    assert found == {"failure": "wrong", "message": f"output 0: 1 of {array.size} elements differ"}


def test_outputs_that_are_not_written_are_seen(tmp_path: Path, packed: dict[str, Any]) -> None:
    """Whatever was expected there: the same bytes cannot be left over from both patterns."""
    tensors: list[Any] = []
    expected = [np.zeros((2, 3), np.int16)]

    class Tensor:
        def copyfrom(self, array: Any) -> None:
            tensors.append(array)

    for poison in kernel._POISONS:
        kernel._poisoned([Tensor()], expected, poison)
    first, second = tensors
    assert first.shape == second.shape == (2, 3)
    assert (first.view(np.uint8) != second.view(np.uint8)).all()


def test_equal_arrays_are_one_file(tmp_path: Path) -> None:
    rows = [row for row in rows_for(SMALL, HOST) if not row.fallback]
    expected = []
    for number, row in enumerate(rows):
        point = row.space.default(Setting(SMALL, HOST, 1)).to_dict()
        packed = pack(str(tmp_path), number, request(lowering=row.lowering.name, point=point).to_dict())
        expected.append(packed["candidate"]["expected"])
    assert len(rows) > 1
    assert len({tuple(names) for names in expected}) == 1


def test_what_cannot_be_built_is_a_failure(tmp_path: Path) -> None:
    found = pack(str(tmp_path), 0, request(lowering="no such").to_dict())
    assert found["failure"] == "build"
    assert "no such" in found["message"]


def here(process: Process, function: Callable[..., Any], wanted: Request, timeout: float) -> Any:
    """In place of another process."""
    return function(wanted.to_dict())


def test_without_a_linker_nothing_can_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(offline, "answer", here)
    with builders(tmp_path, HOST, 60, tmp_path / "log") as building, pytest.raises(ToolchainError, match=r"C\+\+"):
        list(building.build_many([request()]))


def test_candidates_are_numbered_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "answer", here)
    with builders(tmp_path, HOST, 60, tmp_path / "log") as building:
        found = list(building.build_many([request(), request(lowering="no such"), request(seed=1)]))
    assert [entry.get("candidate", {}).get("number") for entry in found] == [0, None, 2]
    assert sorted(path.name for path in tmp_path.glob("*.so")) == ["00000.so", "00002.so"]


def test_gpus_need_their_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "version", lambda: None)
    with pytest.raises(ToolchainError, match="NVRTC"), builders(tmp_path, H200, 60, tmp_path / "log"):
        pytest.fail("opened")


@pytest.mark.skipif(nvrtc.version() is None, reason="needs NVIDIA's runtime compiler")
def test_machine_code_for_a_gpu_lies_where_the_script_looks(tmp_path: Path) -> None:
    row = rows_for(SMALL, H200)[0]
    point = row.space.default(Setting(SMALL, H200, 1)).to_dict()
    found = pack(str(tmp_path), 0, request(target="h200", lowering=row.lowering.name, point=point).to_dict())
    assert found["candidate"]["device"] == "cuda"
    (cubin,) = (tmp_path / "kernels").iterdir()
    assert cubin.read_bytes().startswith(b"\x7fELF")


def test_the_script_finds_machine_code_by_its_source(tmp_path: Path) -> None:
    from tvm_bnn.deploy.machine_code import _name

    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / _name("source")).write_bytes(b"code")
    assert kernel._machine_code_in(tmp_path)("source", "sm_90") == b"code"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    make_folder(tmp_path / "new")
    make_folder(tmp_path / "new")
    with pytest.raises(UsageError, match="not empty"):
        make_folder(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make"):
        make_folder(tmp_path / "file")


def test_the_folder_needs_nothing_of_this_program(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    finish(folder, {"needs": {}}, [{"number": 0}])
    assert json.loads((folder / "candidates.jsonl").read_text()) == {"number": 0}
    ran = subprocess.run(
        [sys.executable, str(folder / SCRIPT), "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "--timeout S" in ran.stdout
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    assert "import tvm_bnn" not in sources
    assert "from tvm_bnn" not in sources


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (HOST, {"device": "cpu", "features": sorted(HOST.requires), "parts": [], "compute_capability": None}),
        (BOARD, {"device": "cpu", "architecture": "aarch64", "parts": ["0xd08"]}),
        (H200, {"device": "cuda", "compute_capability": "9.0"}),
    ],
)
def test_what_a_machine_must_be(target: Target, told: dict[str, Any]) -> None:
    found = needs(target, 4, versions())
    assert found | told == found
    assert (found["target"], found["threads"]) == (target.name, 4)
    assert set(found["versions"]) == {"tvm", "tvm_ffi"}
