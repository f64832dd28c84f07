"""From estimates to a record: the fastest point by the model, and those that the model cannot tell from it."""

from __future__ import annotations

import numpy as np

from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.records import Contender, Record, parse_record
from tvm_bnn.tuning.settle import record_line
from tvm_bnn.tuning.state import TaskState, median_seconds
from tvm_bnn.tuning.task import Arm

TIE = 1.1
"""Points whose estimates differ by less are in no known order: published errors of such models are 9 to 14 %."""

_MOST_FINALISTS = 16


def shortlist(state: TaskState) -> Record | None:
    """The record of a task whose trials are estimates; None where none is valid.

    The least estimate wins; among equal ones the lowering that comes first in the registry, then the earlier trial.
    Whatever is within :data:`TIE` of it is kept as a finalist, the fastest sixteen.
    """
    entries = [(arm.arm, trial) for arm in state.arms for trial in arm.trials if trial.run_secs]
    if not entries:
        return None
    entries.sort(key=lambda entry: median_seconds(entry[1]))
    (arm, winner), others = entries[0], entries[1:]
    line = record_line(state, arm, winner, np.array(winner.run_secs) * 1e3)
    core = arm.setting.target.core
    line.evidence, line.machine = "estimated", f"model of {core}" if core else "model"
    close = [_contender(*entry) for entry in others if median_seconds(entry[1]) <= TIE * median_seconds(winner)]
    line.finalists = close[:_MOST_FINALISTS]
    line.runner_up = _contender(*others[0]) if others else None
    line.tie = bool(close)
    line.default_ms = next((_milliseconds(trial) for arm, trial in entries if _is_default(state, arm, trial)), None)
    return parse_record(line.model_dump_json())


def _is_default(state: TaskState, arm: Arm, trial: Trial) -> bool:
    return arm is state.arms[0].arm and trial.point == arm.default.to_dict()


def _contender(arm: Arm, trial: Trial) -> Contender:
    return Contender(lowering=arm.lowering, point=trial.point, median_ms=_milliseconds(trial))


def _milliseconds(trial: Trial) -> float:
    return median_seconds(trial) * 1e3
