"""The folder of a training run: who may use it, and what is moved out of the way of a fresh start.

``state.safetensors`` is what a run goes on from, ``model.safetensors`` the finished network, ``log.csv`` one line a
step; ``lock`` keeps a second run out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tvm_bnn.errors import UsageError
from tvm_bnn.folders import Purpose, lock_folder, move_aside

_PURPOSE = Purpose("folder", "training run", "-o")


@dataclass(frozen=True)
class RunFolder:
    """Paths inside the folder."""

    path: Path

    @property
    def state(self) -> Path:
        """Network, optimiser and step."""
        return self.path / "state.safetensors"

    @property
    def model(self) -> Path:
        """The finished network."""
        return self.path / "model.safetensors"

    @property
    def log(self) -> Path:
        """One line a step."""
        return self.path / "log.csv"

    @property
    def results(self) -> list[Path]:
        """Those of these files that exist."""
        return [path for path in (self.state, self.model, self.log) if path.exists()]


@contextmanager
def open_folder(path: Path, *, fresh: bool) -> Iterator[RunFolder]:
    """Lock a folder for one run, making it if needed; with ``fresh`` what a run left there is moved aside.

    Raises:
        UsageError: in use by another run, not writable, or holding a network or a log without a run to go on with.
    """
    folder = RunFolder(path)
    with lock_folder(path, _PURPOSE):
        if fresh:
            # Files of others stay where they are.
            move_aside(path, folder.results, _PURPOSE)
        _check_results(folder)
        yield folder


def _check_results(folder: RunFolder) -> None:
    """A run saves its state before anything else, so results without one are not its own."""
    strangers = folder.results
    if strangers and folder.state not in strangers:
        names = ", ".join(path.name for path in strangers)
        raise UsageError(
            f"-o: expected a new folder or one of a training run, got {names} without a state in '{folder.path}'",
            "name another folder, or move them aside with --fresh",
        )
