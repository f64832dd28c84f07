"""Many pictures through one network: the next ones are decoded and the last ones written while one is computed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.data.picture import ClassInfo, labels_to_size, load_picture, overlay, resize_to, save_png
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import UsageError

UInt8 = NDArray[np.uint8]

UNTRAINED = "untrained weights: the colours mean nothing"

_WORKERS = 2
_AHEAD = 2
"""Pictures that are held decoded, or labelled and not yet written: what is ahead costs memory and saves no time."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Job:
    """A picture and where its overlay goes."""

    picture: Path
    overlay: Path


@dataclass(frozen=True)
class Frame:
    """What became of a picture.

    Attributes:
        job: that was done.
        height: of the picture.
        width: of the picture.
        milliseconds: that the network took.
        shares: of the pixels by class, the classes that occur.
    """

    job: Job
    height: int
    width: int
    milliseconds: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Failure:
    """A picture that cannot be used, or an overlay that cannot be written."""

    job: Job
    error: UsageError


@dataclass(frozen=True)
class _Labelled:
    image: UInt8
    labels: UInt8
    milliseconds: float


def segmented(runner: Runner, jobs: Sequence[Job]) -> Iterator[Frame | Failure]:
    """Do all jobs; what became of each, in their order."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            read = _ahead(pool.submit(load_picture, job.picture) for job in jobs)
            labelled = (_labelled(runner, picture) for picture in read)
            pairs = zip(jobs, labelled, strict=True)
            for written in _ahead(pool.submit(_written, runner, job, outcome) for job, outcome in pairs):
                yield written.result()
        except BaseException:
            # Whoever interrupts does not want to wait for pictures that nobody will look at.
            pool.shutdown(cancel_futures=True)
            raise


def _ahead(started: Iterable[Future[_Result]]) -> Iterator[Future[_Result]]:
    """The same, of which some more are always started already."""
    waiting: deque[Future[_Result]] = deque()
    for one in started:
        waiting.append(one)
        if len(waiting) > _AHEAD:
            yield waiting.popleft()
    yield from waiting


def _labelled(runner: Runner, picture: Future[UInt8]) -> _Labelled | UsageError:
    try:
        image = picture.result()
    except UsageError as error:
        return error
    small = resize_to(image, runner.manifest.input_size)
    began = time.perf_counter()
    labels = runner.run(small)
    return _Labelled(image, labels, 1e3 * (time.perf_counter() - began))


def _written(runner: Runner, job: Job, outcome: _Labelled | UsageError) -> Frame | Failure:
    if isinstance(outcome, UsageError):
        return Failure(job, outcome)
    manifest = runner.manifest
    height, width, _ = outcome.image.shape
    labels = labels_to_size(outcome.labels, (height, width))
    classes = [ClassInfo(entry.name, entry.color) for entry in manifest.classes]
    try:
        save_png(overlay(outcome.image, labels, classes, None if manifest.trained else UNTRAINED), job.overlay)
    except UsageError as error:
        return Failure(job, error)
    return Frame(job, height, width, outcome.milliseconds, _shares(labels, classes))


def _shares(labels: UInt8, classes: Sequence[ClassInfo]) -> dict[str, float]:
    counts = np.bincount(labels.ravel(), minlength=256)
    return {one.name: int(counts[label]) / labels.size for label, one in enumerate(classes) if counts[label]}
