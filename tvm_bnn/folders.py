"""Folders that one run at a time works in: their lock, and what is moved out of the way of a fresh start."""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tvm_bnn.errors import UsageError

LOCK = "lock"
"""Name of the file that is locked; it stays where it is."""

BEFORE = "before-"
"""Folders of what was moved aside begin with this; a number follows."""


@dataclass(frozen=True)
class Purpose:
    """The words of messages about a folder.

    Attributes:
        folder: what it is: ``work dir``.
        run: what works in it: ``tuning run``.
        option: that names it: ``--work-dir``.
    """

    folder: str
    run: str
    option: str


@contextmanager
def lock_folder(path: Path, purpose: Purpose) -> Iterator[None]:
    """Make a folder if needed, and keep other runs out of it. The lock of a process that dies is gone.

    Raises:
        UsageError: not writable, in use by another run, or on a file system that cannot lock.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"expected a writable {purpose.folder}, got '{path}': {error.strerror}",
            f"name another with {purpose.option}",
        ) from error
    try:
        _lock(descriptor, path, purpose)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, purpose: Purpose) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"{purpose.folder} '{path}' is in use by another {purpose.run}",
            f"wait for it, or name another with {purpose.option}",
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot lock {purpose.folder} '{path}': {error.strerror}",
            f"name one on a local disk with {purpose.option}",
        ) from error


def move_aside(folder: Path, kept: Iterable[Path], purpose: Purpose) -> None:
    """Move files of a folder into the first unused one of its folders ``before-1``, ``before-2`` and so on.

    Args:
        folder: locked.
        kept: in it; without any, nothing happens.
        purpose: of the folder.

    Raises:
        UsageError: they cannot be moved.
    """
    paths = list(kept)
    if not paths:
        return
    number = next(n for n in itertools.count(1) if not (folder / f"{BEFORE}{n}").exists())
    aside = folder / f"{BEFORE}{number}"
    try:
        aside.mkdir()
        for path in paths:
            path.rename(aside / path.name)
    except OSError as error:
        raise UsageError(
            f"cannot move what '{folder}' holds aside: {error.strerror}", f"name another with {purpose.option}"
        ) from error
