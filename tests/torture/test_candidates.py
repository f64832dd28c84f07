"""Candidates that crash, hang, leak, write over memory or compute wrongly: the run goes on, and none gets a time."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture.counts import count
from tests.torture.planted import FAULTS, PlantedRunner, fault_of
from tests.torture.results import record
from tests.torture.test_kill import left_over
from tests.torture.victim import begin, members, nursery, tune_planted
from tests.tuning.fakes import CONV, tasks
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning import events
from tvm_bnn.tuning.process import _GROWTH, _resident_bytes
from tvm_bnn.tuning.records import read_records
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import open_workdir
from tvm_bnn.tuning.worker import Request

pytestmark = pytest.mark.torture

HOST = resolve_host()
TIMEOUT = 20.0
"""Seconds; a hang takes as long, and on a busy machine nothing else may."""

PARENT_MAY_GROW = 256 << 20
"""Bytes; the models of the searches, not the candidates."""


def operators(number: int) -> Iterator[Operator]:
    """As many as it takes to have so many candidates."""
    for height in range(6, 6 + max(1, number // 100)):
        yield replace(CONV, height=height)


def test_a_run_full_of_bad_candidates(tmp_path: Path) -> None:
    trials, began = count(1000, 40), time.monotonic()
    found = [replace(tasks(one, target=HOST, threads=1)[0], index=n) for n, one in enumerate(operators(trials))]
    runner = PlantedRunner(TIMEOUT, tmp_path / "worker.log")
    sizes: list[int] = []
    with open_workdir(tmp_path / "work", HOST, {}, fresh=False) as work:
        for event in Tuner(found, work, runner, Settings(trials)).run():
            sizes.append(_resident_bytes(os.getpid()))
            last = event
        runner.close()
    assert isinstance(last, events.Finished)
    counted = check(runner)
    kinds = sum((state.failures for state in last.states), Counter[str]())
    assert sum(len(state.trials) for state in last.states) == trials
    for entry in read_records(work.records / "measured.jsonl")[0]:
        request = Request(entry.operator.signature, HOST.name, 1, entry.lowering, entry.line.point)
        assert fault_of(request, runner.share) in ("", "leak", "beyond")
    growth = sizes[-1] - sizes[len(sizes) // 10]
    assert growth < PARENT_MAY_GROW
    record(
        "candidates/planted",
        trials=trials,
        planted=sum(counted.values()),
        **{f"failed_{kind}": number for kind, number in sorted(kinds.items())},
        wrong_with_a_time=0,
        parent_grew_mib=round(growth / 2**20),
        worker_at_most_mib=round(runner.largest / 2**20),
        seconds=round(time.monotonic() - began),
    )


def check(runner: PlantedRunner) -> Counter[str]:
    """Every candidate is counted as what it was, and no honest one has failed for what others did."""
    counted: Counter[str] = Counter()
    for request, fault, result in runner.told:
        outcome = str(result.get("failure", "measured"))
        allowed = FAULTS[fault][1] if fault else {"measured"}
        assert outcome in allowed, f"{fault or 'honest'} {Point.from_dict(request.point).key}: {result}"
        counted[fault] += bool(fault)
    return +counted


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_kind_alone(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the bad one, then the same point honestly, several times over."""
    (task,) = tasks(CONV, target=HOST, threads=1)
    request = Request(CONV.signature, HOST.name, 1, task.row.lowering.name, task.arms[0].default.to_dict(), repeat=1)
    runner = PlantedRunner(TIMEOUT, tmp_path / "worker.log")
    turns = iter([fault, "", "", fault, ""])
    monkeypatch.setattr("tests.torture.planted.fault_of", lambda request, share: next(turns))
    assert len(list(runner.run_many([request] * 5))) == 5
    runner.close()
    check(runner)


def test_leaks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (task,) = tasks(CONV, target=HOST, threads=1)
    request = Request(CONV.signature, HOST.name, 1, task.row.lowering.name, task.arms[0].default.to_dict(), repeat=1)
    runner, leaks = PlantedRunner(TIMEOUT, tmp_path / "worker.log"), count(200, 30)
    monkeypatch.setattr("tests.torture.planted.fault_of", lambda request, share: "leak")
    results = [result for _, result in runner.run_many([request] * leaks)]
    runner.close()
    assert all("run_secs" in result for result in results)
    assert runner.largest < _GROWTH + (1 << 30)
    record("candidates/leaks", trials=leaks, worker_at_most_mib=round(runner.largest / 2**20))


def test_nobody_outlives_a_run_that_is_killed_while_candidates_hang(tmp_path: Path) -> None:
    context, kills = nursery(), count(20, 2)
    for number in range(kills):
        log, mark = tmp_path / f"{number}.log", f"{os.getpid()}-hang-{number}"
        with begin(context, tune_planted, tmp_path / f"work-{number}", log, mark) as process:
            while process.is_alive() and not members(mark):
                time.sleep(0.05)
            # The measuring process loads its libraries, or hangs already.
            time.sleep(number % 4)
            assert members(mark)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
        assert left_over(mark) == 0
    record("candidates/killed while they hang", killed=kills, orphans=0)
