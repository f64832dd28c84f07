"""Whole networks on the board of this process: run on a picture, or timed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tvm_bnn.deploy.vm import UInt8
from tvm_bnn.remote.connection import Answer, with_session
from tvm_bnn.remote.fitness import throttled
from tvm_bnn.remote.session import Session


def load_network(library: str, threads: int, timeout: float) -> Answer:
    """Bring a network to the board, to be run."""

    def work(session: Session) -> Answer:
        _prepare(session, library, threads, timeout)
        session.held["network"] = session.load(Path(library), "network")
        return {}

    return with_session(work)


def run_network(picture: UInt8, timeout: float) -> Answer:
    """``{"result": ...}`` for one picture, uint8 [1, H, W, 3]."""

    def work(session: Session) -> Answer:
        session.within(timeout)
        result = session.held["network"](session.tensor(picture)).numpy()
        session.within(None)
        return {"result": result}

    return with_session(work)


def load_stopwatch(library: str, threads: int, input_shape: Sequence[int], seed: int, timeout: float) -> Answer:
    """Bring a network to the board, to be timed on a random picture."""

    def work(session: Session) -> Answer:
        picture = np.random.default_rng(seed).integers(0, 256, input_shape, np.uint8)
        _prepare(session, library, threads, timeout)
        session.held["stopwatch"] = session.load(Path(library), "stopwatch")
        session.held["picture"] = session.tensor(picture)
        return {}

    return with_session(work)


def time_network(timeout: float) -> Answer:
    """``{"total": ..., "calls": ..., "board": ...}`` of three passes, the first to warm up, in nanoseconds."""

    def work(session: Session) -> Answer:
        session.within(timeout)
        before = session.state()
        times: Answer = json.loads(session.held["stopwatch"](session.held["picture"]))
        after = session.state()
        session.within(None)
        slowed = throttled(before, after)
        return {"throttled": slowed} if slowed else times | {"board": session.summary(before, after)}

    return with_session(work)


def _prepare(session: Session, library: str, threads: int, timeout: float) -> None:
    session.within(timeout)
    session.require(Path(library).stat().st_size, session.state())
    session.ask("threads", threads)
