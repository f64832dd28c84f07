"""The tuner: shares trials among tasks and their lowerings, keeps every trial, turns the winners into records.

Across tasks a batch goes where the network spends most time for the trials already given (:attr:`TaskState.worth`).
Within a task it is handed out in ever larger portions, as many as the lowering already had, to the lowering with the
best prospects (:meth:`TaskState.next_arm`): what loses costs a trial or two.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from tvm_bnn.errors import NoCandidateError, ToolchainError
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import events
from tvm_bnn.tuning.journal import Journal, Trial
from tvm_bnn.tuning.records import Record, RecordBook, update_records
from tvm_bnn.tuning.runner import Result, Runner, run_one
from tvm_bnn.tuning.search import Search
from tvm_bnn.tuning.settle import settle
from tvm_bnn.tuning.shortlist import shortlist
from tvm_bnn.tuning.starts import starts
from tvm_bnn.tuning.state import ArmState, TaskState
from tvm_bnn.tuning.task import Arm, Task, TrialKey
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request

_BATCH = 16
"""Trials that a task is given at a time, and points that the search generates at a time."""

_SLOW = 1.5
"""A candidate so many times slower than the best of its task is not measured to the end."""

_USUAL_SECONDS = 0.4
"""What a trial takes, until this run has shown its own pace."""


@dataclass(frozen=True)
class Settings:
    """How much to try, and the seed of the search."""

    trials: int
    seed: int = 0


class Tuner:
    """One run over the tasks of a network, in a work dir that it has for itself.

    Args:
        tasks: what to tune.
        work: holds the journal and receives the records.
        runner: measures.
        settings: ``trials`` is how many trials of these tasks the work dir holds in the end, those of earlier runs
            included.
        book: records of near operators, whose points are tried right after the defaults.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        work: WorkDir,
        runner: Runner,
        settings: Settings,
        book: RecordBook | None = None,
    ) -> None:
        self.states = [TaskState(task) for task in tasks]
        self.work, self.runner, self.settings, self.book = work, runner, settings, book
        self.journal = Journal(work.journal)
        self.searches: dict[TrialKey, Search] = {}
        self._started, self._measured = 0.0, 0

    @property
    def done(self) -> int:
        """Trials of these tasks in the journal, of this runner's evidence."""
        return sum(len(state.trials) for state in self.states)

    def run(self) -> Iterator[events.Event]:
        """Tune and tell; the records are written also when the run is interrupted.

        Raises:
            NoCandidateError: a task was tried and none of its candidates was valid; other records are kept.
            ToolchainError: there is nothing left to measure on; records are kept.
        """
        yield self._open()
        interrupted, lost = False, None
        try:
            yield from self._search()
            records = yield from self._settled()
        except KeyboardInterrupt:
            interrupted, records = True, self._unsettled()
        except ToolchainError as error:
            lost, records = error, self._unsettled()
        update_records(self.work.records / f"{self.runner.evidence}.jsonl", records)
        if lost is not None:
            raise lost
        yield events.Finished(tuple(self.states), tuple(records), interrupted)
        if not interrupted:
            self._refuse_invalid()

    def _open(self) -> events.Opened:
        opened = self.journal.open()
        trials = [trial for trial in opened.trials if trial.evidence == self.runner.evidence]
        known = [trial for trial in trials if not any(state.is_strange(trial) for state in self.states)]
        for state in self.states:
            state.take(known)
        return events.Opened(tuple(self.states), self.done, tuple(opened.damaged), len(trials) - len(known))

    def _search(self) -> Iterator[events.Event]:
        self._started = time.monotonic()
        if not self.states:
            return
        if self.done < self.settings.trials:
            yield self._preflight()
        share = max(1, min(_BATCH, self.settings.trials // len(self.states)))
        while self.done < self.settings.trials:
            open_states = [state for state in self.states if state.next_arm()]
            if not open_states:
                return
            state = max(open_states, key=lambda s: s.worth)
            yield from self._batch(state, _BATCH if state.trials else share)

    def _preflight(self) -> events.Preflight:
        """A default of the first task, before anything long begins; the first that works will do."""
        state, began = self.states[0], time.monotonic()
        failed: list[dict[str, str]] = []
        for arm in state.task.arms:
            result = run_one(self.runner, self.request(arm, arm.default))
            if "failure" not in result:
                return events.Preflight(state, time.monotonic() - began, self._eta())
            failed.append(result)
        raise NoCandidateError(
            f"preflight: {state.task.operator.label()} failed ({failed[0]['failure']}): {failed[0]['message']}",
            f"see {self.work.path / 'worker.log'}, and tvm-bnn doctor",
        )

    def _batch(self, state: TaskState, size: int) -> Iterator[events.Event]:
        left = min(size, self.settings.trials - self.done)
        while left and (arm := state.next_arm()):
            points = self._points(arm, min(left, max(1, len(arm.trials))))
            arm.exhausted = not points
            left -= len(points)
            for request, result in self.runner.run_many(self._requests(state, arm, points)):
                trial = self._keep(arm, request, result)
                yield events.TrialDone(state, trial, self.done, self.settings.trials, self._eta())

    def _requests(self, state: TaskState, arm: ArmState, points: Sequence[Point]) -> Iterator[Request]:
        """One for every point; what is slow by what is known when its turn comes is not measured to the end."""
        for point in points:
            limit = _SLOW * state.best_seconds if state.valid else None
            yield replace(self.request(arm.arm, point), limit_secs=limit)

    def _points(self, state: ArmState, limit: int) -> list[Point]:
        """What to try next: the default, then adapted points of operators like this one, then what the search finds."""
        if state.starts is None:
            state.starts = starts(state.arm, self.book, self.states)
        return state.untried_starts()[:limit] or self._search_of(state).propose(limit)

    def _search_of(self, state: ArmState) -> Search:
        """The search of a lowering, taught what is known; most that lose never need one."""
        key = state.arm.key
        if key not in self.searches:
            self.searches[key] = Search(state.arm, _BATCH, self.settings.seed)
            for trial in state.trials:
                self.searches[key].learn(Point.from_dict(trial.point), trial.run_secs)
        return self.searches[key]

    def _keep(self, arm: ArmState, request: Request, result: Result) -> Trial:
        """Put a trial into the journal and teach the search."""
        signature, lowering, version, threads = arm.arm.key
        trial = Trial(
            operator=signature,
            lowering=lowering,
            space_version=version,
            threads=threads,
            evidence=self.runner.evidence,
            point=dict(request.point),
            **result,
        )
        self.journal.append(trial)
        arm.trials.append(trial)
        self._measured += 1
        if arm.arm.key in self.searches:
            self.searches[arm.arm.key].learn(Point.from_dict(trial.point), trial.run_secs)
        return trial

    def _eta(self) -> float:
        """Seconds left; the first trials pay for the start of everything and say nothing about the rest."""
        known = self._measured >= _BATCH
        rate = (time.monotonic() - self._started) / self._measured if known else _USUAL_SECONDS
        return max(0, self.settings.trials - self.done) * rate

    def request(self, arm: Arm, point: Point) -> Request:
        """What the runner is asked for."""
        signature, lowering, _, threads = arm.key
        return Request(signature, arm.setting.target.name, threads, lowering, point.to_dict(), self.settings.seed)

    def _settled(self) -> Generator[events.Event, None, list[Record]]:
        records: list[Record] = []
        for state in self.states:
            if state.valid:
                yield events.Settling(state)
                record = self._record(state, self)
                records += [] if record is None else [record]
        return records

    def _record(self, state: TaskState, measures: Tuner | None) -> Record | None:
        """The winner of a task; measured ones meet again first, if there is time."""
        return settle(state, measures) if self.runner.evidence == "measured" else shortlist(state)

    def _unsettled(self) -> list[Record]:
        """The winners by the trials as they are."""
        settled = (self._record(state, None) for state in self.states)
        return [record for record in settled if record is not None]

    def _refuse_invalid(self) -> None:
        barren = [state for state in self.states if state.trials and not state.valid]
        if barren:
            first = barren[0].trials[0]
            raise NoCandidateError(
                f"no valid candidate for {barren[0].task.operator.label()} in {len(barren[0].trials)} trials: "
                f"{first.failure}: {first.message}",
                f"see {self.work.path / 'worker.log'}; records of other tasks are kept",
            )
