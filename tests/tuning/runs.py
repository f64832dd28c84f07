"""What the tests of the tuner share: runs of it with a fake runner and a quick search, and what came of them."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.fakes import CONV, FakeRunner, Outcome, measured, tasks
from tvm_bnn.errors import NoCandidateError
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning import events
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.records import Record, RecordBook, read_records
from tvm_bnn.tuning.task import Arm, Task
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import WorkDir
from tvm_bnn.tuning.worker import Request

Answer = Callable[[Request], Outcome]


class Shuffled:
    """In place of the search: the points in an order that depends on the seed. Training a model takes seconds."""

    def __init__(self, arm: Arm, batch: int, seed: int) -> None:
        space, setting = arm.row.space, arm.setting
        points = [Point(tile, variant) for tile in space.tiles(setting) for variant in space.variants(setting)]
        shuffled = random.Random(seed).sample(sorted(points, key=lambda point: point.key), len(points))
        self.left = {point.key: point for point in shuffled}

    def propose(self, limit: int) -> list[Point]:
        assert limit > 0
        return [self.left.pop(key) for key in list(self.left)[:limit]]

    def learn(self, point: Point, seconds: list[float] | None) -> None:
        self.left.pop(point.key, None)


def tune(
    path: Path,
    runner: FakeRunner,
    trials: int,
    *operators: Operator | Task,
    seed: int = 0,
    book: RecordBook | None = None,
) -> list[events.Event]:
    """All events of one run."""
    found = [task if isinstance(task, Task) else tasks(task)[0] for task in operators or (CONV,)]
    found = [replace(task, index=index) for index, task in enumerate(found)]
    return list(Tuner(found, WorkDir(path), runner, Settings(trials, seed), book).run())


def told(happened: list[events.Event]) -> list[events.TrialDone]:
    return [event for event in happened if isinstance(event, events.TrialDone)]


def finished(happened: list[events.Event]) -> events.Finished:
    (event,) = (event for event in happened if isinstance(event, events.Finished))
    return event


def records(path: Path) -> list[Record]:
    found, damage = read_records(WorkDir(path).records / "measured.jsonl")
    assert damage.lines == []
    return found


def points(path: Path) -> list[str]:
    return [Point.from_dict(entry.point).key for entry in Journal(WorkDir(path).journal).open().trials]


def failing(kind: str, message: str, when: Callable[[Request], bool]) -> Answer:
    def answer(request: Request) -> Outcome:
        return {"failure": kind, "message": message} if when(request) else measured(request)

    return answer


def after(calls: int, otherwise: Answer = measured) -> Answer:
    """Measures so often, then the user presses Ctrl-C."""
    left = iter(range(calls))

    def answer(request: Request) -> Outcome:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return otherwise(request)

    return answer


@contextmanager
def raises_no_candidate(match: str) -> Iterator[None]:
    with pytest.raises(NoCandidateError, match=match) as error:
        yield
    assert error.value.hint
