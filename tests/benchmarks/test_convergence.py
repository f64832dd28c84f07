import json
from pathlib import Path

import pytest

from benchmarks.convergence import measure, write_results
from benchmarks.convergence_curve import Curve, Incumbent, improvements, incumbent, markdown
from tests.tuning.fakes import CONV, TARGET, FakeRunner, trial

FAILED = trial(failure="build", message="no")


def held(since: int, median_ms: float) -> Incumbent:
    return Incumbent(since, "popcount-lanes", {"tile": [1, 2, 4]}, median_ms, median_ms * 0.9, median_ms * 1.1)


CURVE = Curve("layer", 0, 10, 9, 2.0, (held(2, 2.0), held(3, 1.0), held(6, 1.02), held(8, 0.98)))


def test_improvements_are_the_trials_that_beat_all_before() -> None:
    seconds = [None, 3.0, 4.0, 2.0, 2.0, 1.0, 5.0]
    trials = [FAILED if time is None else trial(run_secs=[time, time, 9.0]) for time in seconds]
    assert improvements(trials) == [2, 4, 6]
    assert improvements([FAILED]) == []


def test_the_share_is_of_what_is_the_best_so_far() -> None:
    shares = [CURVE.share(number) for number in (1, 2, 3, 5, 6, 8, 10)]
    assert shares == pytest.approx([0.0, 0.49, 0.98, 0.98, 0.98 / 1.02, 1.0, 1.0])


def test_trials_needed_are_those_after_which_the_share_stays() -> None:
    """The point that seemed better at the sixth trial was in truth slower than the one before."""
    assert CURVE.needed(0.4) == 2
    assert CURVE.needed(0.95) == 3
    assert CURVE.needed(0.97) == 8
    assert Curve("one", 0, 1, 1, 1.0, (held(1, 1.0),)).needed() == 1


def test_an_incumbent_is_worth_what_was_measured_afterwards() -> None:
    kept = incumbent(4, trial(run_secs=[9.0]), [n / 1000 for n in range(1, 102)])
    assert (kept.since, kept.lowering) == (4, "popcount-lanes")
    assert (kept.p5_ms, kept.median_ms, kept.p95_ms) == pytest.approx((6.0, 51.0, 96.0))


def test_the_table_says_whether_the_promise_is_kept() -> None:
    slow = Curve("slow", 1, 40, 40, 2.0, (held(1, 2.0), held(33, 1.0)))
    text = markdown([CURVE, slow], "a machine", "a target")
    assert "| layer | seed | trials | 1 | 2 | 4 | 8 | 16 | 32 |" in text
    assert "| slow | 1 | 40 | 50.0% |" in text
    assert "At least 95% within 32 trials: 1 of 2 runs; the least is 50.0%." in text
    assert "median 18, most 33" in text


def test_a_small_run_from_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    curve = measure("a layer", CONV, TARGET, 3, 6, tmp_path / "work", FakeRunner())
    assert (curve.layer, curve.seed, curve.trials, curve.valid) == ("a layer", 3, 6, 6)
    assert curve.incumbents[0].since == 1
    assert curve.share(6) == 1.0
    write_results([curve, CURVE], TARGET, tmp_path)
    document = json.loads((tmp_path / f"convergence-{TARGET.name}.json").read_text())
    assert [entry["layer"] for entry in document["curves"]] == ["a layer", "layer"]
    assert "| a layer | 3 | 6 |" in (tmp_path / f"convergence-{TARGET.name}.md").read_text()
    assert (tmp_path / f"convergence-{TARGET.name}.png").read_bytes().startswith(b"\x89PNG")
