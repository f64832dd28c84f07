"""The results file: one line each, on disk before the next candidate is begun."""

from __future__ import annotations

import fcntl
import json
import os
import statistics
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .unusable import Unusable

RESULTS = "results.jsonl"


class Entries:
    """The lines of ``results.jsonl``, those of earlier runs included.

    Args:
        file: opened for reading and appending, and ours alone.
        batch: what the results belong to.
    """

    def __init__(self, file: IO[bytes], batch: str) -> None:
        self._file, self._batch = file, batch
        self.first: dict[int, dict[str, Any]] = {}
        self.again: dict[int, list[dict[str, Any]]] = {}
        file.seek(0)
        content = file.read()
        for line in content.splitlines():
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                # Cut off, or not ours.
                continue
        if content and not content.endswith(b"\n"):
            self._write(b"\n")

    def _take(self, line: dict[str, Any]) -> None:
        if line["batch"] != self._batch or "number" not in line:
            return
        if line.get("again"):
            self.again.setdefault(int(line["number"]), []).append(line)
        else:
            self.first[int(line["number"])] = line

    def add(self, line: dict[str, Any]) -> None:
        """Append a line and wait until it is on disk.

        Raises:
            Unusable: it cannot be written.
        """
        whole = {"batch": self._batch, **line}
        self._write(json.dumps(whole, sort_keys=True).encode() + b"\n")
        self._take(whole)

    def _write(self, content: bytes) -> None:
        try:
            self._file.write(content)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise Unusable(
                f"cannot write {RESULTS}: {error.strerror}",
                "free space or check rights, then run it again; it goes on where it stopped",
                4,
            ) from error

    def median(self, number: int) -> float | None:
        """Seconds of a candidate that is right."""
        entry = self.first.get(number, {})
        wrong = any(line.get("failure") == "wrong" for line in self.again.get(number, ()))
        return statistics.median(entry["run_secs"]) if "run_secs" in entry and not wrong else None

    def best(self, candidates: Iterable[Mapping[str, Any]]) -> float | None:
        """Seconds of the fastest of them."""
        known = (self.median(candidate["number"]) for candidate in candidates)
        return min((seconds for seconds in known if seconds is not None), default=None)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file of results, for this process alone.

    Raises:
        Unusable: it cannot be written, or another process measures the same folder.
    """
    try:
        file = path.open("a+b")
    except OSError as error:
        raise Unusable(f"cannot write {path}: {error.strerror}", "copy the folder to where you may write") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unusable("another process measures this folder", "wait for it") from error
        except OSError:
            # A file system that cannot lock; then nobody else is kept out.
            pass
        yield file
