from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning import breaking
from tests.tuning.fakes import CONV
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import load
from tvm_bnn.tuning import static
from tvm_bnn.tuning.runner import run_one
from tvm_bnn.tuning.static import StaticRunner, price
from tvm_bnn.tuning.worker import Request

BOARD = load("rpi4")
ROW = rows_for(CONV, BOARD)[0]
POINT = ROW.space.default(Setting(CONV, BOARD, 1))
REQUEST = Request(CONV.signature, BOARD.name, 1, ROW.lowering.name, POINT.to_dict())


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[StaticRunner]:
    runner = StaticRunner(60, tmp_path / "worker.log", processes=2)
    yield runner
    runner.close()


def test_an_estimate_repeats() -> None:
    first = price(REQUEST.to_dict())
    assert first["run_secs"][0] > 0
    assert price(REQUEST.to_dict()) == first


def test_what_cannot_be_built_is_told() -> None:
    found = price(replace(REQUEST, lowering="binary-amx").to_dict())
    assert found["failure"] == "build"
    assert "binary-amx" in found["message"]


def test_a_wrong_kernel_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from tvm_bnn.estimation import estimate as module

    good = module.estimate
    monkeypatch.setattr(
        module, "estimate", lambda *arguments: replace(good(*arguments), mismatch="stream[0]: expected 1, got 2")
    )
    assert price(REQUEST.to_dict()) == {"failure": "wrong", "message": "stream[0]: expected 1, got 2"}


def test_results_come_in_the_order_of_the_requests(runner: StaticRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "price", breaking.slow_first)
    requests = [replace(REQUEST, seed=seed) for seed in range(5)]
    found = list(runner.run_many(iter(requests)))
    assert [request.seed for request, _ in found] == [0, 1, 2, 3, 4]
    assert [result["run_secs"] for _, result in found] == [[1.0], [2.0], [3.0], [4.0], [5.0]]


def test_a_broken_candidate_takes_only_its_process(runner: StaticRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "price", breaking.die)
    assert run_one(runner, REQUEST)["failure"] == "crash"
    monkeypatch.setattr(static, "price", breaking.process)
    assert "run_secs" in run_one(runner, REQUEST)


def test_a_hang_ends_in_time(runner: StaticRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "timeout", 0.5)
    monkeypatch.setattr(static, "price", breaking.hang)
    assert run_one(runner, REQUEST) == {"failure": "timeout", "message": "not finished after 0.5 s"}


def test_requests_are_taken_when_there_is_room(runner: StaticRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "price", breaking.process)
    taken: list[int] = []

    def requests() -> Iterator[Request]:
        for seed in range(6):
            taken.append(seed)
            yield replace(REQUEST, seed=seed)

    results = runner.run_many(requests())
    next(results)
    assert len(taken) == 2
    assert len(list(results)) == 5


def test_closing_twice_and_unused(tmp_path: Path) -> None:
    runner = StaticRunner(60, tmp_path / "worker.log", processes=1)
    runner.close()
    runner.close()
