"""Boards that die, hang up, or answer late or wrongly: all tasks finish, and nothing wrong is kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.remote.loopback import tracker, wait_for
from tests.torture.chaos import FAULTS, Board
from tests.torture.counts import chance, count
from tests.torture.results import record
from tests.tuning.fakes import CONV, tasks
from tvm_bnn.errors import NoCandidateError, ToolchainError
from tvm_bnn.remote import runner as runner_module
from tvm_bnn.remote import station
from tvm_bnn.remote.runner import RpcRunner
from tvm_bnn.remote.tracker import Address
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning import events, worker
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.records import Record, read_records
from tvm_bnn.tuning.task import Task
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import WorkDir, open_workdir
from tvm_bnn.tuning.worker import Request

pytestmark = pytest.mark.torture

HOST = resolve_host()
KEY = "torture"
BOARDS = 2
TIMEOUT = 5.0


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Address]:
    with tracker(tmp_path) as address:
        yield address


class Fate(threading.Thread):
    """Lets faults happen, one after the other, as long as there is something to disturb."""

    def __init__(self, boards: list[Board], faults: int) -> None:
        super().__init__(daemon=True)
        self.boards, self.left = boards, faults
        self.happened: Counter[str] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        """One fault every second or so."""
        rng, number = chance("fate"), 0
        while self.left and not self.over.wait(float(rng.uniform(0.3, 2.0))):
            board = self.boards[rng.integers(len(self.boards))]
            if not board.relay.idle:
                continue
            fault = FAULTS[number % len(FAULTS)]
            board.suffer(fault)
            self.happened[fault] += 1
            number, self.left = number + 1, self.left - 1


def test_faults_while_boards_measure(at: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults, began = count(50, 5), time.monotonic()
    monkeypatch.setattr(station, "_CONNECT_SECONDS", 20.0)
    monkeypatch.setattr(runner_module, "logical_cores", lambda: 1)
    boards = [Board(at, KEY, tmp_path, chance("board", number), 2 * TIMEOUT) for number in range(BOARDS)]
    for board in boards:
        board.start()
    fate, rounds, restarts, reports = Fate(boards, faults), 0, 0, list[str]()
    try:
        wait_for(at, KEY, BOARDS)
        fate.start()
        while fate.left or not rounds:
            work = tmp_path / f"work-{rounds}"
            restarts += tune(at, work, rounds, reports)
            check(work)
            rounds += 1
        relayed = sum((board.relay.done for board in boards), Counter[str]())
    finally:
        fate.over.set()
        for board in boards:
            board.close()
    assert all("\n" not in line for line in reports)
    record(
        "boards/faults",
        faults=sum(fate.happened.values()),
        **{name.replace(" ", "_"): number for name, number in sorted(fate.happened.items())},
        answers_spoilt=sum(relayed.values()),
        tuning_runs=rounds,
        run_again=restarts,
        wrong_records=0,
        seconds=round(time.monotonic() - began),
    )


def found_tasks(number: int) -> list[Task]:
    operators = [replace(CONV, height=6 + number % 7), replace(CONV, height=6 + number % 7, out_channels=128)]
    return [replace(tasks(one, target=HOST, threads=1)[0], index=place) for place, one in enumerate(operators)]


def tune(at: Address, work: Path, number: int, reports: list[str]) -> int:
    """A run to its end; how often it was begun again, because no board was left or its first trial was spoilt."""
    restarts = 0
    while True:
        wait_for(at, KEY)
        with open_workdir(work, HOST, {}, fresh=False) as opened:
            runner = RpcRunner(f"{at[0]}:{at[1]}", KEY, TIMEOUT, work / "worker.log", reports.append)
            try:
                last = list(Tuner(found_tasks(number), opened, runner, Settings(16)).run())[-1]
            except (ToolchainError, NoCandidateError) as error:
                if isinstance(error, NoCandidateError) and "preflight" not in error.message:
                    raise
                restarts += 1
                continue
            finally:
                runner.close()
        assert isinstance(last, events.Finished)
        assert not last.interrupted
        return restarts


def check(work: Path) -> None:
    """Every task has its record, its time is one that this machine can have, and its kernel is right."""
    opened = Journal(WorkDir(work).journal).open()
    assert (len(opened.trials), opened.damaged) == (16, [])
    found, damage = read_records(WorkDir(work).records / "measured.jsonl")
    assert (len(found), damage.lines) == (2, [])
    for one in found:
        check_record(one)


def check_record(one: Record) -> None:
    request = Request(one.operator.signature, HOST.name, 1, one.lowering, one.line.point)
    here = worker.measure(request.to_dict())
    assert "run_secs" in here, here
    macs = one.operator.cost().binary_macs
    # A core does some thousand binary products in a nanosecond at most; damaged times would be anything.
    assert macs / 1e4 * 1e-6 < one.line.median_ms < 1e3
