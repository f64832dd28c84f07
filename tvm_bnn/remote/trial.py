"""What the two kinds of processes behind the remote runner do: build a point here, measure it on a board.

Both take plain data and give plain data back. A board's process holds its session from one trial to the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tvm_bnn.deploy.link import link
from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.connection import Answer, with_session
from tvm_bnn.remote.fitness import throttled
from tvm_bnn.remote.session import Session
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import load
from tvm_bnn.tuning import worker
from tvm_bnn.tuning.worker import Request


def build(request: Mapping[str, Any], folder: str) -> Answer:
    """``{"library": path}`` of a point, in ``folder``, or a failure."""
    wanted = Request(**request)
    path = Path(folder) / f"{secrets.token_hex(8)}.so"
    try:
        key = Point.from_dict(wanted.point).key
        kernel = worker.build_point(wanted.operator, wanted.target, wanted.threads, wanted.lowering, key)
        link(kernel, path, load(wanted.target))
    except ToolchainError as error:
        return {"toolchain": error.message, "hint": error.hint}
    except Exception as error:
        return worker.failed("build", error)
    return {"library": str(path)}


@dataclass
class _OnBoard:
    """What lies on a board: tensors of one operator, inputs by lowering."""

    operator: tuple[str, int]
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)


def measure(request: Mapping[str, Any], library: str, timeout: float) -> Answer:
    """Compare a library with the reference on the board of this process, and time it there.

    Args:
        request: what the library was built for.
        library: its path here.
        timeout: seconds after which the board ends the session, should a kernel hang.
    """
    return with_session(lambda session: _measured(session, Request(**request), Path(library), timeout))


def _measured(session: Session, wanted: Request, library: Path, timeout: float) -> Answer:
    problem = worker.problem_of(wanted.operator, wanted.seed)
    session.within(timeout)
    before = session.state()
    placed = _placed(session, wanted, library, before)
    session.ask("threads", wanted.threads)
    kernel, tensors = session.load(library), [*placed.inputs[wanted.lowering], *placed.outputs]
    result = worker.checked(
        kernel, tensors, placed.outputs, problem, lambda: worker.time_point(kernel, session.device, wanted, tensors)
    )
    after = session.state()
    session.within(None)
    slowed = throttled(before, after)
    if "failure" in result:
        return result
    return {"throttled": slowed} if slowed else result | {"board": session.summary(before, after)}


def _placed(session: Session, wanted: Request, library: Path, state: Mapping[str, Any]) -> _OnBoard:
    """An operator's tensors on the board, brought there once; its inputs once for each lowering."""
    operator = (wanted.operator, wanted.seed)
    if "operator" not in session.held or session.held["operator"].operator != operator:
        session.held["operator"] = _OnBoard(operator)
    placed: _OnBoard = session.held["operator"]
    if wanted.lowering in placed.inputs:
        return placed
    problem = worker.problem_of(*operator)
    row = worker.row_of(wanted.operator, wanted.target, wanted.lowering)
    packed = row.lowering.pack_inputs(problem.operator, load(wanted.target), problem.arrays)
    needed = library.stat().st_size + sum(array.nbytes for array in (*packed, *problem.expected))
    session.require(needed, state)
    placed.outputs = placed.outputs or [session.tensor(array) for array in problem.expected]
    placed.inputs[wanted.lowering] = [session.tensor(array) for array in packed]
    return placed
