"""The session that a process holds; functions here run in that process, and give plain data back."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from typing import Any

from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.session import Session, UnfitError, lost
from tvm_bnn.remote.tracker import Address
from tvm_bnn.targets import load

Answer = dict[str, Any]
"""What was asked for, or what keeps this board from giving it: ``{"unfit": line, ...}`` for a board that is of no use,
``{"lost": line, ...}`` for one that is gone, ``{"throttled": line}`` for one that was slowed down, ``{"failure": "run",
...}`` for code that the board refused to run."""

_held: list[Session] = []


def connect(
    tracker: Address, key: str, target: str, timeout: float, avoid: Collection[Address], emulated: bool
) -> Answer:
    """``{"facts": ...}`` of the board whose session this process holds from now on, instead of an earlier one."""
    _held.clear()
    # The board serves nobody else before the last reference is gone.
    gc.collect()
    try:
        session = Session.open(tracker, key, load(target), timeout, avoid, emulated)
    except UnfitError as error:
        return _unfit(error)
    except ToolchainError as error:
        return {"lost": error.message, "hint": error.hint}
    _held.append(session)
    return {"facts": session.facts}


def with_session(work: Callable[[Session], Answer]) -> Answer:
    """The answer of ``work``; where it fails, a board that still answers had something bad to run."""
    (session,) = _held
    try:
        return work(session)
    except UnfitError as error:
        return _unfit(error)
    except Exception as error:
        try:
            session.within(None)
        except Exception:
            told = lost(session.address, error)
            return {"lost": told.message, "hint": told.hint}
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return {"failure": "run", "message": lines[-1][:500]}


def _unfit(error: UnfitError) -> Answer:
    return {"unfit": error.message, "hint": error.hint, "address": error.address}
