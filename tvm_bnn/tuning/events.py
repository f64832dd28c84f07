"""What a tuning run tells while it goes on; the command line shows it, the library prints nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.records import Record
from tvm_bnn.tuning.state import TaskState


@dataclass(frozen=True)
class Opened:
    """The work dir is ours; trials of earlier runs that count, and journal lines that were set aside.

    ``strange`` trials stay in the journal and do not count: their points are none of the spaces'.
    """

    states: tuple[TaskState, ...]
    held: int
    damaged: tuple[tuple[int, str], ...]
    strange: int = 0


@dataclass(frozen=True)
class Preflight:
    """One candidate was built, run and compared with the reference; what the rest will take, in seconds."""

    state: TaskState
    seconds: float
    eta: float


@dataclass(frozen=True)
class TrialDone:
    """A trial is in the journal; ``done`` of ``total``, and the seconds left at the present rate."""

    state: TaskState
    trial: Trial
    done: int
    total: int
    eta: float


@dataclass(frozen=True)
class Settling:
    """The best points of a task are measured again, in turn, before one of them becomes a record."""

    state: TaskState


@dataclass(frozen=True)
class Finished:
    """Records are written; ``interrupted`` if that happened before the work was done."""

    states: tuple[TaskState, ...]
    records: tuple[Record, ...]
    interrupted: bool


Event = Opened | Preflight | TrialDone | Settling | Finished
