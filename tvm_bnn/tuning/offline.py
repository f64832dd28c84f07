"""Measuring without a connection: candidates go out as one folder with a script, its results come back.

The folder is self-contained: what TVM's runtime and NumPy need to load, check and time every candidate, and nothing of
this package. So it can be carried to a machine on which nobody may install or compile anything.

::

    <folder>/measure.py                 run it there; it goes on where it was interrupted
    <folder>/candidates.jsonl           one request a line
    <folder>/<number>.so                the compiled candidate
    <folder>/<number>-<hash>.cubin      its machine code for a GPU
    <folder>/<problem>/<name>.npy       inputs as the candidate takes them, expected outputs
    <folder>/results.jsonl              what the script found, one line a candidate
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from tvm_bnn._tvm import build, cuda_sources
from tvm_bnn.deploy.link import link
from tvm_bnn.deploy.machine_code import machine_code
from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.lowering.registry import Row, row_named
from tvm_bnn.ops import Operator, operator_from_signature
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load
from tvm_bnn.tuning.inputs import sample_inputs
from tvm_bnn.tuning.runner import Result
from tvm_bnn.tuning.worker import Request

CANDIDATES, RESULTS, SCRIPT = "candidates.jsonl", "results.jsonl", "measure.py"


def export_batch(folder: Path, requests: Iterable[Request]) -> list[tuple[Request, Result]]:
    """Build all candidates into a new folder.

    Returns:
        Those that could not be built, with their failures; the folder is without them.

    Raises:
        UsageError: the folder exists and holds something.
        ToolchainError: a linker or a compiler is missing.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(
            f"expected a new folder for candidates, got one that is not empty at '{folder}'", "name another"
        )
    folder.mkdir(parents=True, exist_ok=True)
    lines, failures = list[str](), list[tuple[Request, Result]]()
    for number, request in enumerate(requests):
        try:
            kernel = _kernel(request)
        except ValueError as error:
            failures.append((request, {"failure": "build", "message": str(error).splitlines()[-1][:500]}))
            continue
        lines.append(json.dumps(_exported(folder, number, request, kernel), sort_keys=True))
    write_atomic(folder / SCRIPT, Path(__file__).with_name("offline_script.py").read_text(encoding="utf-8"))
    write_atomic(folder / CANDIDATES, "".join(f"{line}\n" for line in lines))
    return failures


def import_results(folder: Path) -> Iterator[tuple[Request, Result]]:
    """Every request that the script has a result of; a line that was cut off is not there.

    Raises:
        UsageError: no such folder, or no results in it yet.
    """
    try:
        candidates = [json.loads(line) for line in (folder / CANDIDATES).read_text(encoding="utf-8").splitlines()]
        lines = (folder / RESULTS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(
            f"expected results of an exported folder, got none at '{folder}'", f"run {SCRIPT} of that folder first"
        ) from error
    requests = {candidate["number"]: Request(**candidate["request"]) for candidate in candidates}
    for line in lines:
        try:
            found = json.loads(line)
        except json.JSONDecodeError:
            continue
        yield requests[found.pop("number")], found


def _kernel(request: Request) -> Any:
    operator, target, row = _subject(request)
    setting = Setting(operator, target, request.threads)
    function = row.lowering.function(operator, target)
    scheduled = row.space.scheduled(function, setting, Point.from_dict(request.point))
    return build(scheduled, target.tvm_target(request.threads))


def _subject(request: Request) -> tuple[Operator, Target, Row]:
    operator, target = operator_from_signature(request.operator), load(request.target)
    row = row_named(operator, target, request.lowering)
    if row is None:
        raise ValueError(f"no lowering '{request.lowering}' for {operator.label()}")
    return operator, target, row


def _exported(folder: Path, number: int, request: Request, kernel: Any) -> dict[str, Any]:
    """Write one candidate; its line."""
    operator, target, row = _subject(request)
    library = f"{number:05d}.so"
    link(kernel, folder / library, target)
    code = machine_code(cuda_sources(kernel.mod), target)
    cubins = {f"{number:05d}-{Path(name).name}": content for name, content in code.items()}
    for name, content in cubins.items():
        write_atomic(folder / name, content)
    key = f"{request.operator} {request.lowering} {request.target} {request.seed}"
    problem = hashlib.sha256(key.encode()).hexdigest()[:12]
    if not (folder / problem).exists():
        _write_problem(folder / problem, operator, target, row, request.seed)
    return {
        "number": number,
        "library": library,
        "cubins": sorted(cubins),
        "problem": problem,
        "inputs": len(list((folder / problem).glob("input*.npy"))),
        "outputs": len(operator.outputs()),
        "device": target.kind,
        "request": request.to_dict(),
    }


def _write_problem(folder: Path, operator: Operator, target: Target, row: Row, seed: int) -> None:
    folder.mkdir()
    arrays = sample_inputs(operator, seed)
    named = [(f"input{i}", a) for i, a in enumerate(row.lowering.pack_inputs(operator, target, arrays))]
    named += [(f"expected{i}", a) for i, a in enumerate(operator.reference(*arrays))]
    for name, array in named:
        write_atomic(folder / f"{name}.npy", _npy(array))


def _npy(array: Array) -> bytes:
    held = BytesIO()
    np.save(held, array, allow_pickle=False)
    return held.getvalue()
