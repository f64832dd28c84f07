"""Processes that draw scenes for the threads of this one: Python draws one picture at a time in a process."""

from __future__ import annotations

import subprocess
import sys
from queue import SimpleQueue

import numpy as np

from tvm_bnn.data.contract import Sample, Size
from tvm_bnn.data.scenes import DRAWERS

_PAINTER = "tvm_bnn.data.scenes.painter"


class Painters:
    """Some processes, each started when it is first needed; they end with this one, however it ends.

    Args:
        count: how many at most, at least 1.
    """

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[_Painter] = SimpleQueue()
        self._all = [_Painter() for _ in range(count)]
        for painter in self._all:
            self._free.put(painter)

    def draw(self, kind: str, index: int, size: Size, seed: int) -> Sample:
        """A scene; waits while all are busy. Where a process died, it is drawn here.

        Args:
            kind: of scene, a key of :data:`tvm_bnn.data.scenes.DRAWERS`.
            index: its place in the set.
            size: (H, W).
            seed: of the set.
        """
        painter = self._free.get()
        try:
            return painter.draw(kind, index, size, seed)
        except OSError:
            painter.end()
            return Sample(*DRAWERS[kind](index, size, seed))
        finally:
            self._free.put(painter)

    def end(self) -> None:
        """End all processes."""
        for painter in self._all:
            painter.end()


class _Painter:
    """One process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def draw(self, kind: str, index: int, size: Size, seed: int) -> Sample:
        """A scene.

        Raises:
            OSError: the process died.
        """
        if self._process is None:
            # A session of its own: an interruption from the terminal is the parent's affair.
            self._process = subprocess.Popen(
                [sys.executable, "-m", _PAINTER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        height, width = size
        ask, answer = self._process.stdin, self._process.stdout
        assert ask is not None
        assert answer is not None
        ask.write(f"{kind} {index} {seed} {height} {width}\n".encode())
        ask.flush()
        sample = Sample(np.empty((height, width, 3), np.uint8), np.empty(size, np.uint8))
        for part in sample:
            if answer.readinto(part.data) < part.nbytes:  # type: ignore[attr-defined]
                raise ChildProcessError("a painter died")
        return sample

    def end(self) -> None:
        """Kill the process; the next picture starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
