"""The tuner: shares trials among tasks, keeps every one of them, and turns the winners into records."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tvm_bnn.errors import NoCandidateError
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import events
from tvm_bnn.tuning.journal import Journal, Trial
from tvm_bnn.tuning.records import Record, update_records
from tvm_bnn.tuning.runner import Runner
from tvm_bnn.tuning.search import Search
from tvm_bnn.tuning.settle import settle
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import Task
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request

_BATCH = 16
"""Candidates that one proposal of the search may hold."""

_USUAL_SECONDS = 0.4
"""What a trial takes, until this run has shown its own pace."""


@dataclass(frozen=True)
class Settings:
    """How much to try, and the seed of the search."""

    trials: int
    seed: int = 0


class Tuner:
    """One run over the tasks of a network, in a work dir that it has for itself.

    ``trials`` is how many trials of these tasks the work dir holds in the end, those of earlier runs included.
    """

    def __init__(self, tasks: Sequence[Task], work: WorkDir, runner: Runner, settings: Settings) -> None:
        self.states = [TaskState(task) for task in tasks]
        self.work, self.runner, self.settings = work, runner, settings
        self.journal = Journal(work.journal)
        self.searches: dict[int, Search] = {}
        self._started, self._measured = 0.0, 0

    @property
    def done(self) -> int:
        """Trials of these tasks in the journal."""
        return sum(len(state.trials) for state in self.states)

    def run(self) -> Iterator[events.Event]:
        """Tune and tell; the records are written also when the run is interrupted.

        Raises:
            NoCandidateError: a task was tried and none of its candidates was valid; other records are kept.
        """
        yield self._open()
        interrupted = False
        try:
            yield from self._search()
            records = yield from self._settled()
        except KeyboardInterrupt:
            interrupted = True
            settled = (settle(state, None) for state in self.states)
            records = [record for record in settled if record is not None]
        update_records(self.work.records / "measured.jsonl", records)
        yield events.Finished(tuple(self.states), tuple(records), interrupted)
        if not interrupted:
            self._refuse_invalid()

    def _open(self) -> events.Opened:
        opened = self.journal.open()
        for state in self.states:
            state.trials += [trial for trial in opened.trials if trial.task_key == state.task.key]
        return events.Opened(tuple(self.states), self.done, tuple(opened.damaged))

    def _search(self) -> Iterator[events.Event]:
        self._started = time.monotonic()
        if not self.states:
            return
        if self.done < self.settings.trials:
            yield self._preflight()
        share = max(1, min(_BATCH, self.settings.trials // len(self.states)))
        while self.done < self.settings.trials:
            open_states = [state for state in self.states if not state.exhausted]
            if not open_states:
                return
            state = max(open_states, key=lambda s: s.worth)
            yield from self._batch(state, share if not state.trials else _BATCH)

    def _preflight(self) -> events.Preflight:
        """The default of the first task, before anything long begins."""
        state, began = self.states[0], time.monotonic()
        default = state.task.row.space.default(state.task.setting)
        result = self.runner.run(self.request(state.task, default))
        seconds = time.monotonic() - began
        if "failure" in result:
            raise NoCandidateError(
                f"preflight: {state.task.operator.label()} failed ({result['failure']}): {result['message']}",
                f"see {self.work.path / 'worker.log'}, and tvm-bnn doctor",
            )
        return events.Preflight(state, seconds, self._eta())

    def _batch(self, state: TaskState, size: int) -> Iterator[events.Event]:
        search = self._search_of(state)
        left = min(size, self.settings.trials - self.done)
        if not any(trial.point == _default(state).to_dict() for trial in state.trials):
            trial = self._try(state, _default(state))
            search.learn([(search.candidate(_default(state)), trial.run_secs)], proposed=False)
            left -= 1
            yield self._told(state, trial)
        proposed = search.propose(left) if left else []
        state.exhausted = left > 0 and not proposed
        measured: list[tuple[Any, list[float] | None]] = []
        for candidate, point in proposed:
            trial = self._try(state, point)
            measured.append((candidate, trial.run_secs))
            yield self._told(state, trial)
        search.learn(measured, proposed=True)

    def _search_of(self, state: TaskState) -> Search:
        """The task's search, taught what earlier runs found."""
        task = state.task
        if task.index not in self.searches:
            search = Search(task, _BATCH, self.settings.seed)
            known = [(Point.from_dict(trial.point), trial.run_secs) for trial in state.trials]
            tiles, variants = task.row.space.tiles(task.setting), task.row.space.variants(task.setting)
            usable = [(p, seconds) for p, seconds in known if p.tile in tiles and p.variant in variants]
            search.learn([(search.candidate(point), seconds) for point, seconds in usable], proposed=False)
            self.searches[task.index] = search
        return self.searches[task.index]

    def _try(self, state: TaskState, point: Point) -> Trial:
        """Measure one point and put it into the journal."""
        signature, lowering, version, threads = state.task.key
        trial = Trial(
            operator=signature,
            lowering=lowering,
            space_version=version,
            threads=threads,
            point=point.to_dict(),
            **self.runner.run(self.request(state.task, point)),
        )
        self.journal.append(trial)
        state.trials.append(trial)
        self._measured += 1
        return trial

    def _told(self, state: TaskState, trial: Trial) -> events.TrialDone:
        return events.TrialDone(state, trial, self.done, self.settings.trials, self._eta())

    def _eta(self) -> float:
        """Seconds left; the first trials pay for the start of everything and say nothing about the rest."""
        known = self._measured >= _BATCH
        rate = (time.monotonic() - self._started) / self._measured if known else _USUAL_SECONDS
        return max(0, self.settings.trials - self.done) * rate

    def request(self, task: Task, point: Point) -> Request:
        """What the runner is asked for."""
        signature, lowering, _, threads = task.key
        return Request(signature, task.setting.target.name, threads, lowering, point.to_dict(), self.settings.seed)

    def _settled(self) -> Generator[events.Event, None, list[Record]]:
        records: list[Record] = []
        for state in self.states:
            if state.valid:
                yield events.Settling(state)
                record = settle(state, self)
                records += [] if record is None else [record]
        return records

    def _refuse_invalid(self) -> None:
        barren = [state for state in self.states if state.trials and not state.valid]
        if barren:
            first = barren[0].trials[0]
            raise NoCandidateError(
                f"no valid candidate for {barren[0].task.operator.label()} in {len(barren[0].trials)} trials: "
                f"{first.failure}: {first.message}",
                f"see {self.work.path / 'worker.log'}; records of other tasks are kept",
            )


def _default(state: TaskState) -> Point:
    return state.task.row.space.default(state.task.setting)
