import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tvm_bnn.data.picture import load_picture
from tvm_bnn.deploy import frames
from tvm_bnn.deploy.frames import Failure, Frame, Job, segmented
from tvm_bnn.deploy.runner import Runner

UInt8 = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture
def runner(tiny_bundle: Path) -> Runner:
    return Runner.load(tiny_bundle)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    generator = np.random.default_rng(0)
    made = [Job(tmp_path / f"{number}.png", tmp_path / "out" / f"{number}.png") for number in range(8)]
    for job in made:
        Image.fromarray(generator.integers(0, 256, (16, 24, 3), np.uint8)).save(job.picture)
    return made


def test_all_in_their_order(runner: Runner, jobs: list[Job]) -> None:
    for job, frame in zip(jobs, segmented(runner, jobs), strict=True):
        assert isinstance(frame, Frame)
        assert (frame.job, frame.height, frame.width) == (job, 16, 24)
        labels = runner.run(np.array(Image.open(job.picture)))
        names = [entry.name for entry in runner.manifest.classes]
        assert frame.shares == {names[label]: float((labels == label).mean()) for label in np.unique(labels)}
        assert job.overlay.is_file()


def test_failures_keep_their_place(runner: Runner, jobs: list[Job]) -> None:
    jobs[1].picture.write_text("not a picture")
    blocked = Job(jobs[3].picture, jobs[3].picture / "in" / "a" / "file.png")
    outcomes = list(segmented(runner, [*jobs[:3], blocked, *jobs[4:]]))
    assert [isinstance(outcome, Failure) for outcome in outcomes] == [False, True, False, True, *[False] * 4]
    assert isinstance(outcomes[1], Failure)
    assert "expected a picture" in outcomes[1].error.message


def test_the_next_picture_is_read_while_one_is_computed(
    runner: Runner, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network waits for it, which is in vain where one thing comes after the other."""
    read = threading.Semaphore(0)

    def counted(path: Path) -> UInt8:
        image = load_picture(path)
        read.release()
        return image

    def run(image: UInt8) -> UInt8:
        for _ in range(1 if waited else 2):
            # Of the last there is no next.
            waited.append(len(waited) == len(jobs) or read.acquire(timeout=60))
        return np.zeros(image.shape[:2], np.uint8)

    waited: list[bool] = []
    monkeypatch.setattr(frames, "load_picture", counted)
    monkeypatch.setattr(runner, "run", run)
    assert len(list(segmented(runner, jobs))) == len(jobs)
    assert all(waited)


def test_few_pictures_are_held(runner: Runner, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def futures() -> Any:
        for number in range(10):
            started.append(number)
            future: Future[int] = Future()
            future.set_result(number)
            yield future

    ahead = frames._ahead(futures())
    assert next(ahead).result() == 0
    assert started == [0, 1, 2]
    assert [future.result() for future in ahead] == list(range(1, 10))


def test_an_interruption_is_not_kept_waiting(runner: Runner, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(image: UInt8) -> UInt8:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(segmented(runner, jobs))
    assert not jobs[0].overlay.exists()
