import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from tvm_bnn.cli import progress
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.lanes import Lanes
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning import events
from tvm_bnn.tuning.journal import FailureKind, Trial
from tvm_bnn.tuning.state import TaskState
from tvm_bnn.tuning.task import extract_tasks

CONV = Conv2d(1, 8, 8, 64, 64, epilogue=Epilogue(outputs=("signs",)))


def state() -> TaskState:
    (task,) = extract_tasks([("a.place", CONV)], resolve_host(), 1)
    return TaskState(replace(task, arms=task.arms[:1]))


def trial(seconds: float | None, failure: FailureKind | None = None) -> Trial:
    return Trial(
        operator=CONV.signature,
        lowering="popcount-lanes",
        space_version=Lanes.version,
        threads=1,
        point={"tile": [1, 1, 1]},
        run_secs=None if seconds is None else [seconds],
        failure=failure,
    )


def told(held: TaskState, one: Trial, done: int, total: int = 100) -> events.TrialDone:
    held.take([one])
    return events.TrialDone(held, one, done, total, eta=75)


def test_plain_lines_are_for_news(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    plain, held = progress._Plain(), state()
    for done, one in enumerate([trial(2e-3), trial(3e-3), trial(1e-3), trial(None, "crash"), trial(2e-3)], 1):
        plain.told(told(held, one, done))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("]")[0] for line in lines] == ["[1/100", "[3/100", "[4/100"]
    assert "popcount-lanes 1.000 ms" in lines[1]
    assert lines[2].endswith("failed: 1 crash · ETA 1 min 15 s")


def test_a_silent_run_still_gives_signs_of_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 1000, 4))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))
    plain, held = progress._Plain(), state()
    for done in range(1, 9):
        plain.told(told(held, trial(1e-3), done))
    assert 3 <= len(capsys.readouterr().err.splitlines()) < 8
    for _ in range(4):
        plain.told(events.Settling(held))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "measuring the finalists of conv2d 3x3 64->64 8x8 again"
    assert len(lines) < 4


def test_the_live_line_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=150)
    held = state()
    with Progress(TextColumn("{task.completed}/{task.total} {task.description}"), console=console) as bar:
        live = progress._Live(bar)
        live.told(events.Opened((held,), 2, ((7, "not JSON"),)))
        live.told(told(held, trial(1e-3), 5))
        assert bar.tasks[0].completed == 5
        assert bar.tasks[0].description.startswith("conv2d 3x3 64->64 8x8 · popcount-lanes 1.000 ms")
        live.told(events.Settling(held))
        assert "finalists" in bar.tasks[0].description
    output = console.file
    assert isinstance(output, io.StringIO)
    assert "journal line 7 is damaged and was set aside: not JSON" in output.getvalue()
    assert "2 trials of earlier runs" in output.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3671, "61 min 11 s")])
def test_durations(seconds: float, text: str) -> None:
    assert progress._duration(seconds) == text
