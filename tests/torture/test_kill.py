"""Tuning runs that are killed at any time: every trial that was announced is there, and the next run goes on."""

from __future__ import annotations

import itertools
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np
import pytest

from tests.torture.counts import chance, count
from tests.torture.results import record
from tests.torture.victim import begin, members, nursery, tune_tiny, write_journal
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.records import read_records

pytestmark = pytest.mark.torture

TRIALS = 24
"""Trials of a work dir; it is killed until it has them."""

WRITTEN = 400

POLLS = 100
"""How often processes that are left over are looked for, every twentieth of a second, before they count."""

Victim = Callable[[Path, int, Path, str], None]


@dataclass
class Ledger:
    """What came of all kills."""

    killed: int = 0
    completed: int = 0
    announced: int = 0
    lost: int = 0
    orphans: int = 0
    by_mode: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    return nursery()


def announced(log: Path) -> int:
    """The number of the last trial that a run has spoken of."""
    numbers = re.findall(r"^\[(\d+)/\d+\]", log.read_text(encoding="utf-8"), re.MULTILINE) if log.exists() else []
    return int(numbers[-1]) if numbers else 0


def left_over(mark: str) -> int:
    for _ in range(POLLS):
        if not members(mark):
            return 0
        time.sleep(0.05)
    return len(members(mark))


def wait_for_kill(mode: str, journal: Path, seconds: float, alive: Callable[[], bool]) -> None:
    """Until it is time: after some seconds, or in the moment in which the journal grows."""
    if mode == "writing":
        before = size(journal)
        while alive() and size(journal) == before:
            time.sleep(0)
        return
    until = time.monotonic() + seconds
    while alive() and time.monotonic() < until:
        time.sleep(0.01)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def kill_until_done(
    context: ForkServerContext, victim: Victim, work: Path, trials: int, longest: float, ledger: Ledger, kills: int
) -> None:
    """Kill runs in one work dir at random times until the ledger has so many kills or the work dir all its trials."""
    work.mkdir()
    journal = work / "journal.jsonl"
    for attempt in range(10**6):
        rng = chance(work.name, attempt)
        mark, log = f"{os.getpid()}-{work.name}-{attempt}", work.parent / f"{work.name}-{attempt}.log"
        before = journal.read_bytes() if journal.exists() else b""
        spared = ledger.killed >= kills
        mode = "spared" if spared else str(rng.choice(["any time", "group", "writing"]))
        with begin(context, victim, work, trials, log, mark) as process:
            if not spared:
                wait_for_kill(mode, journal, rng.uniform(0, longest), process.is_alive)
                assert process.pid is not None
                finished = not process.is_alive()
                if not finished:
                    strike(process.pid, mode, rng)
            process.join()
            code = process.exitcode
        check(work, before, log, mark, ledger, f"{work.name}, run {attempt}, {mode}")
        if code == -signal.SIGKILL:
            ledger.killed += 1
            ledger.by_mode[mode] = ledger.by_mode.get(mode, 0) + 1
            continue
        assert code == 0, f"{work.name}, run {attempt}: {log.read_text()}"
        ledger.completed += 1
        return


def strike(process: int, mode: str, rng: np.random.Generator) -> None:
    """Kill the run, or its group; a group that is not there yet has one member."""
    time.sleep(rng.uniform(0, 2e-3))
    if mode == "group" and os.getpgid(process) == process:
        os.killpg(process, signal.SIGKILL)
    else:
        os.kill(process, signal.SIGKILL)


def check(work: Path, before: bytes, log: Path, mark: str, ledger: Ledger, named: str) -> None:
    """Nothing of the journal is lost, and nobody is left."""
    orphans = left_over(mark)
    assert not orphans, named
    journal = work / "journal.jsonl"
    after = journal.read_bytes() if journal.exists() else b""
    whole_before = before[: before.rfind(b"\n") + 1]
    assert after.startswith(whole_before), named
    held, said = len(Journal(journal).open().trials), announced(log)
    assert held >= said, f"{named}: {said} trials were announced, {held} are there"
    new = max(0, said - whole_before.count(b"\n"))
    ledger.announced += new
    ledger.lost += max(0, said - held)
    ledger.orphans += orphans
    for path in (work / "records").glob("*.jsonl"):
        assert read_records(path)[1].lines == [], named


def keep(name: str, ledger: Ledger, began: float) -> None:
    record(
        f"kill/{name}",
        killed=ledger.killed,
        trials_announced=ledger.announced,
        lost=ledger.lost,
        orphans=ledger.orphans,
        runs_completed=ledger.completed,
        seconds=round(time.monotonic() - began),
        **{mode.replace(" ", "_"): number for mode, number in ledger.by_mode.items()},
    )


def works_killed(
    context: ForkServerContext, victim: Victim, folder: Path, trials: int, longest: float, kills: int
) -> Iterator[Path]:
    """Work dirs, one after the other, each when it has all its trials after having been killed many times."""
    ledger, began = Ledger(), time.monotonic()
    for number in itertools.count():
        work = folder / f"{victim.__name__}-{number}"
        kill_until_done(context, victim, work, trials, longest, ledger, kills)
        assert len(Journal(work / "journal.jsonl").open().trials) == trials
        yield work
        if ledger.killed >= kills:
            break
    keep(victim.__name__.replace("_", " "), ledger, began)


def test_tuning_runs_killed_anywhere(context: ForkServerContext, tmp_path: Path) -> None:
    for work in works_killed(context, tune_tiny, tmp_path, TRIALS, 6.0, count(200, 6)):
        found, damage = read_records(work / "records" / "measured.jsonl")
        assert (len(found), damage.lines) == (2, [])


def test_journals_killed_while_they_are_written(context: ForkServerContext, tmp_path: Path) -> None:
    assert list(works_killed(context, write_journal, tmp_path, WRITTEN, 0.3, count(200, 10)))
