"""A folder that is exported, measured by its own script in another process, and imported."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.offline import RESULTS, SCRIPT, export_batch, import_results
from tvm_bnn.tuning.worker import Request

CONV = Conv2d(1, 6, 8, 64, 64, epilogue=Epilogue(outputs=("stream", "signs")))


def requests() -> list[Request]:
    host = resolve_host()
    row = rows_for(CONV, host)[0]
    point = row.space.default(Setting(CONV, host, 1)).to_dict()
    return [Request(CONV.signature, host.name, 1, row.lowering.name, point, seed, 2, 1) for seed in (0, 1)]


def measure(folder: Path) -> None:
    subprocess.run([sys.executable, str(folder / SCRIPT)], check=True, capture_output=True)


def test_results_come_back(tmp_path: Path) -> None:
    folder, sent = tmp_path / "batch", requests()
    assert export_batch(folder, sent) == []
    measure(folder)
    back = list(import_results(folder))
    assert [request for request, _ in back] == [Request(**request.to_dict()) for request in sent]
    assert all(len(result["run_secs"]) == 2 for _, result in back)


def test_a_wrong_candidate_is_not_timed_and_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    export_batch(folder, requests())
    first = json.loads((folder / "candidates.jsonl").read_text().splitlines()[0])
    path = folder / first["problem"] / "expected0.npy"
    np.save(path, np.load(path) + 1)
    (folder / RESULTS).write_text(json.dumps({"number": 1, "run_secs": [1.0]}) + "\n")
    measure(folder)
    (_, kept), (_, wrong) = import_results(folder)
    assert kept == {"run_secs": [1.0]}
    assert wrong["failure"] == "wrong"


def test_a_candidate_that_cannot_be_built_is_told(tmp_path: Path) -> None:
    bad = Request(CONV.signature, resolve_host().name, 1, "no such", {}, 0)
    ((request, result),) = export_batch(tmp_path / "batch", [bad])
    assert (request, result["failure"]) == (bad, "build")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        export_batch(tmp_path, [])


def test_no_results_yet(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected results"):
        list(import_results(tmp_path))
