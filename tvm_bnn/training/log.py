"""The log of a run: one CSV line a step, written as the step ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.training.metrics import Metrics

COLUMNS = ("step", "loss", "learning_rate", "seconds", "miou", "pixel_accuracy")
"""``step`` counts from 1; ``seconds`` are those of the step; metrics stand where they were measured after it."""


class Log:
    """The file, cut back to the steps that the state of the run has done.

    Args:
        path: of the file.
        done: later steps are dropped, and with them a line that was only half written.

    Raises:
        UsageError: it cannot be read or written.
    """

    def __init__(self, path: Path, done: int) -> None:
        self.path = path
        kept = [row for row in self._rows() if _is_step(row, done)]
        write_atomic(path, _text([COLUMNS, *kept]))

    def append(self, step: int, loss: float, learning_rate: float, seconds: float, metrics: Metrics | None) -> None:
        """Add one line.

        Raises:
            UsageError: it cannot be written.
        """
        measured = (metrics.miou, metrics.pixel_accuracy) if metrics else ("", "")
        line = _text([[step, loss, learning_rate, round(seconds, 3), *measured]])
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(line)
        except OSError as error:
            raise UsageError(f"cannot write '{self.path}': {error.strerror}", "free space or check rights") from error

    def _rows(self) -> list[list[str]]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace") if self.path.exists() else ""
        except OSError as error:
            raise UsageError(f"cannot read '{self.path}': {error.strerror}", "check its rights") from error
        return list(csv.reader(io.StringIO(text)))


def _is_step(row: Sequence[str], done: int) -> bool:
    return len(row) == len(COLUMNS) and row[0].isascii() and row[0].isdigit() and int(row[0]) <= done


def _text(rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
