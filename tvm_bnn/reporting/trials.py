"""Tuning curves from the journal of a work dir, which is only read: a tuner may be writing it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from statistics import median

from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.charts.curves import Curve
from tvm_bnn.tuning.journal import Evidence, Trial, parse_trial


def read_trials(path: Path) -> list[Trial]:
    """All trials of a journal in order; lines that are none are left out, and no journal has no trials.

    Raises:
        UsageError: it is there and cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror or error}", "check its rights") from error
    return list(_parsed(lines))


def _parsed(lines: Iterable[bytes]) -> Iterator[Trial]:
    for line in lines:
        try:
            yield parse_trial(line)
        except ValueError:
            continue


def tuning_curves(trials: Iterable[Trial], operators: Mapping[str, str], evidence: Evidence) -> list[Curve]:
    """One curve for each operator that was tried more than once.

    Args:
        trials: in order.
        operators: labels by the operator's signature.
        evidence: of the trials that count: times of one kind are not compared with those of another.
    """
    times: dict[str, list[float]] = {}
    for trial in trials:
        if trial.operator in operators and trial.run_secs and trial.evidence == evidence:
            times.setdefault(trial.operator, []).append(median(trial.run_secs))
    return [
        Curve(operators[operator], tuple(best / taken[0] for best in accumulate(taken, min)))
        for operator, taken in times.items()
        if len(taken) > 1
    ]
