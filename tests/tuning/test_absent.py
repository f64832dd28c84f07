from pathlib import Path

import pytest

from tests.tuning.fakes import CONV, FakeRunner
from tests.tuning.runs import Shuffled, finished, points, records, tune
from tvm_bnn.tuning import tuner as tuner_module
from tvm_bnn.tuning.absent import AbsentRunner
from tvm_bnn.tuning.settle import settle
from tvm_bnn.tuning.state import median_seconds


def test_winners_are_settled_by_the_trials_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuner_module, "Search", Shuffled)
    tune(tmp_path, FakeRunner(), 12)
    runner = AbsentRunner()
    last = finished(tune(tmp_path, runner, 12, CONV))  # type: ignore[arg-type]
    runner.close()
    assert len(points(tmp_path)) == 12
    (state,), (record,) = last.states, records(tmp_path)
    assert state.best is not None
    assert record.line.median_ms == pytest.approx(median_seconds(state.best) * 1e3)
    assert record == settle(state, None)
