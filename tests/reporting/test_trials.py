from pathlib import Path

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.trials import read_trials, tuning_curves
from tvm_bnn.tuning.journal import Evidence, Journal, Trial


def trial(operator: str, seconds: float | None, evidence: Evidence = "measured") -> Trial:
    return Trial(
        operator=operator,
        lowering="popcount-lanes",
        space_version=1,
        threads=1,
        evidence=evidence,
        point={"tile": [1]},
        run_secs=None if seconds is None else [seconds],
        failure="run" if seconds is None else None,
    )


def test_a_journal_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).append(trial("a", 1.0))
    with path.open("a") as file:
        file.write('{"half a li')
    before = path.read_bytes()
    assert [one.operator for one in read_trials(path)] == ["a"]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_journal_has_no_trials(tmp_path: Path) -> None:
    assert read_trials(tmp_path / "journal.jsonl") == []
    with pytest.raises(UsageError, match="cannot read"):
        read_trials(tmp_path)


def test_a_curve_is_the_best_so_far_of_trials_that_ran() -> None:
    trials = [
        *(trial("a", 4.0), trial("b", 1.0), trial("a", None), trial("a", 5.0), trial("other", 1.0)),
        *(trial("a", 1.0), trial("a", 0.1, "estimated"), trial("a", 2.0)),
    ]
    (curve,) = tuning_curves(trials, {"a": "conv2d a", "b": "conv2d b"}, "measured")
    assert curve.label == "conv2d a"
    assert curve.best == (1.0, 1.0, 0.25, 0.25)
