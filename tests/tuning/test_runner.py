from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tuning import breaking
from tests.tuning.test_worker import REQUEST
from tvm_bnn.tuning import runner as runner_module
from tvm_bnn.tuning.runner import LocalRunner, run_one
from tvm_bnn.tuning.worker import measure


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRunner]:
    runner = LocalRunner(30, tmp_path_factory.mktemp("runner") / "worker.log")
    yield runner
    runner.close()


def answer(runner: LocalRunner, monkeypatch: pytest.MonkeyPatch, what: object) -> dict[str, object]:
    with monkeypatch.context() as patch:
        patch.setattr(runner_module, "measure", what)
        return run_one(runner, REQUEST)


def test_a_broken_candidate_takes_only_its_process(runner: LocalRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(runner, monkeypatch, breaking.process)
    assert answer(runner, monkeypatch, breaking.process) == first
    died = answer(runner, monkeypatch, breaking.die)
    assert died["failure"] == "crash"
    assert "worker.log" in str(died["message"])
    second = answer(runner, monkeypatch, breaking.process)
    assert "run_secs" in second
    assert second != first


def test_a_hang_ends_in_time_and_the_runner_goes_on(runner: LocalRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(runner, monkeypatch, breaking.process)
    monkeypatch.setattr(runner, "timeout", 0.5)
    hung = answer(runner, monkeypatch, breaking.hang)
    assert hung == {"failure": "timeout", "message": "not finished after 0.5 s"}
    monkeypatch.undo()
    assert answer(runner, monkeypatch, measure).keys() == {"run_secs"}
    assert answer(runner, monkeypatch, breaking.process) != first


def test_nobody_dies_for_what_another_has_done(runner: LocalRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(runner, monkeypatch, breaking.harm)
    second = answer(runner, monkeypatch, breaking.die_of_what_was_before)
    assert "run_secs" in second
    assert second != first


def test_what_ran_a_bad_candidate_is_replaced(runner: LocalRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    first = answer(runner, monkeypatch, breaking.process)
    assert answer(runner, monkeypatch, breaking.wrong)["failure"] == "wrong"
    assert answer(runner, monkeypatch, breaking.process) != first


def test_closing_twice_and_unused(tmp_path: Path) -> None:
    runner = LocalRunner(30, tmp_path / "worker.log")
    runner.close()
    runner.close()
