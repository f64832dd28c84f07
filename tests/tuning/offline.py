"""What the tests of the offline runner share: requests, an export that was never built, and results of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from tests.tuning.fakes import CONV
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Epilogue, Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target, load, resolve_host
from tvm_bnn.tuning.exports import Batch, Export, Sent, described, keep_export
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request

HOST, H200, BOARD = resolve_host(), load("h200"), load("rpi4")
SMALL = Conv2d(1, 6, 8, 64, 64, epilogue=Epilogue(outputs=("stream", "signs")))
ID = "0123456789abcdef"

Build = Callable[[int, Request], dict[str, Any]]
"""The candidate of a number and a request, or a failure."""


def builds(number: int, request: Request) -> dict[str, Any]:
    """A candidate, as far as the exporter looks at it."""
    return {"candidate": {"number": number, "lowering": request.lowering}}


def quick_builders(build: Build = builds) -> Callable[..., AbstractContextManager[Any]]:
    """In place of processes that build."""

    class Building:
        def build_many(self, requests: Sequence[Request]) -> Iterator[dict[str, Any]]:
            for number, request in enumerate(requests):
                yield build(number, request)

    return lambda *_: nullcontext(Building())


def request(**changes: Any) -> Request:
    """Of the default point of a small operator, for this machine; quick to time."""
    row = rows_for(SMALL, HOST)[0]
    point = row.space.default(Setting(SMALL, HOST, 1)).to_dict()
    fields: dict[str, Any] = {"operator": SMALL.signature, "target": HOST.name, "threads": 1, "point": point}
    return Request(**{**fields, "lowering": row.lowering.name, "repeat": 2, "min_repeat_ms": 1, **changes})


def points(operator: Operator, target: Target, number: int) -> list[Sent]:
    """So many points of the preferred lowering of an operator, the default first."""
    setting, row = Setting(operator, target, 1), rows_for(operator, target)[0]
    default = row.space.default(setting)
    others = [Point(tile, default.variant) for tile in row.space.tiles(setting)]
    chosen = [default, *(point for point in others if point != default)][:number]
    assert len(chosen) == number
    fields = {"operator": operator.signature, "lowering": row.lowering.name, "space_version": row.space.version}
    return [Sent(**fields, point=point.to_dict()) for point in chosen]


def exported(
    work: WorkDir, folder: Path, target: Target = H200, number: int = 3, operator: Operator = CONV, name: str = ID
) -> Export:
    """An export as the work dir and the folder know it, without any library."""
    batch = Batch(id=name, model="net 32x32", target=target.name, threads=1, versions=versions())
    sent = dict(enumerate(points(operator, target, number)))
    export = Export(**batch.model_dump(), folder=str(folder), sent=sent)
    keep_export(work, export)
    folder.mkdir()
    (folder / "batch.json").write_text(json.dumps(described(batch, target, 30.0)))
    return export


def gpu(**changes: Any) -> dict[str, Any]:
    """What the script says of a machine with a GPU of that kind; nothing of it was ever measured."""
    told = {"name": "NVIDIA H200", "compute_capability": "9.0", "driver": "570.1"}
    return machine(gpu=told, **changes)


def machine(**changes: Any) -> dict[str, Any]:
    """What the script says of a machine like this one."""
    tvm = versions()
    facts: dict[str, Any] = {"model": "CPU", "host": "node7", "architecture": "x86_64", "emulated": False}
    facts |= {"features": sorted(HOST.requires), "parts": [], "cores": 64, "python": "3.11.2", "gpu": None}
    return {**facts, "tvm": tvm["tvm"], "tvm_ffi": tvm["tvm-ffi"], **changes}


def result(number: int, seconds: float = 1e-3, **changes: Any) -> dict[str, Any]:
    """A line of a result."""
    outcome = {} if "failure" in changes else {"run_secs": [seconds] * 3}
    return {"number": number, "machine": "m", "before": {"clock_mhz": 1980.0}, "after": {}, **outcome, **changes}


def write_results(folder: Path, lines: Sequence[dict[str, Any]], facts: dict[str, Any] | None = None) -> None:
    """A results file: the machine, then what it found."""
    first = {"machine": "m", "facts": gpu() if facts is None else facts}
    whole = ({"batch": ID, **line} for line in (first, *lines))
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in whole))
