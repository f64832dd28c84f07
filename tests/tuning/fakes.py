"""What the tuning tests share: small operators, a record and a trial of them, and a runner that measures nothing."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from tvm_bnn.lowering.popcount_lanes import PopcountLanesConv2d
from tvm_bnn.lowering.registry import Row, row_named
from tvm_bnn.ops import Conv2d, Epilogue, Operator
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.spaces.lanes import Lanes
from tvm_bnn.targets import Target, load
from tvm_bnn.tuning.journal import Evidence, Trial
from tvm_bnn.tuning.records import Record, parse_record
from tvm_bnn.tuning.task import Arm, Task, extract_tasks
from tvm_bnn.tuning.worker import Request

TARGET = load("x86-avx512")
"""Not necessarily this machine: for what is never run."""

CONV = Conv2d(1, 6, 10, 64, 64, epilogue=Epilogue(outputs=("stream",)))
WIDE = Conv2d(1, 6, 10, 64, 128, epilogue=Epilogue(outputs=("stream",)))
DOTTED = Conv2d(1, 1, 1, 64, 64, kernel=(1, 1), padding=(0, 0), epilogue=Epilogue(outputs=("stream",)))
"""An operator whose space is small."""


def tasks(*operators: Operator, target: Target = TARGET, threads: int = 2) -> list[Task]:
    """The tasks of operators, each with the preferred lowering alone, whatever else the registry has."""
    found = extract_tasks([(f"layer{n}", operator) for n, operator in enumerate(operators)], target, threads)
    return [replace(task, arms=task.arms[:1]) for task in found]


def rivals(operator: Operator, *names: str) -> Task:
    """A task whose lowerings differ in their names only, preferred in this order."""
    (task,) = tasks(operator)
    return replace(task, arms=tuple(Arm(Row(_renamed(name), task.row.space), task.setting) for name in names))


def _renamed(name: str) -> PopcountLanesConv2d:
    return type(name, (PopcountLanesConv2d,), {"name": name})()


def trial(**changes: Any) -> Trial:
    fields: dict[str, Any] = {
        "operator": CONV.signature,
        "lowering": "popcount-lanes",
        "space_version": Lanes.version,
        "threads": 2,
        "point": {"tile": [1, 2, 4], "order": "pixels", "unroll": 1},
    }
    outcome = {} if "failure" in changes else {"run_secs": [0.25, 0.125]}
    return Trial(**{**fields, **outcome, **changes})


def record(operator: Operator = CONV, /, **changes: Any) -> Record:
    """A record of ``operator``, measured on :data:`TARGET`, its default point."""
    row = row_named(operator, TARGET, "popcount-lanes")
    assert row is not None
    fields: dict[str, Any] = {
        "target": TARGET.name,
        "evidence": "measured",
        "operator": operator.to_dict(),
        "lowering": "popcount-lanes",
        "space": row.space.name,
        "space_version": row.space.version,
        "point": row.space.default(Setting(operator, TARGET, 2)).to_dict(),
        "threads": 2,
        "median_ms": 2.0,
        "p5_ms": 1.0,
        "p95_ms": 3.0,
        "runs": 10,
        "trials": 4,
    }
    return parse_record(json.dumps(fields | changes))


Outcome = dict[str, Any]


def seconds_of(request: Request) -> float:
    """A time between 1 and 2 ms that depends on the point and the operator alone."""
    text = request.operator + Point.from_dict(request.point).key
    return 1e-3 * (1 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32)


def measured(request: Request) -> Outcome:
    return {"run_secs": [seconds_of(request)] * 3}


class FakeRunner:
    """Answers at once and remembers what it was asked."""

    def __init__(self, answer: Callable[[Request], Outcome] = measured, evidence: Evidence = "measured") -> None:
        self.evidence = evidence
        self.answer = answer
        self.requests: list[Request] = []

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Outcome]]:
        for request in requests:
            self.requests.append(request)
            yield request, self.answer(request)

    def close(self) -> None:
        """Nothing to end."""
