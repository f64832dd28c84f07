import time

import pytest

from benchmarks.peers.clock import Calls, Differences


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still until a call moves it on."""
    moment = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: moment[0])
    return moment


def advance(now: list[float], seconds: float) -> None:
    now[0] += seconds


def test_calls_are_timed_one_by_one(now: list[float]) -> None:
    assert Calls(lambda: advance(now, 0.5)).times(3) == [0.5, 0.5, 0.5]


def test_a_layer_is_its_share_of_the_difference(now: list[float]) -> None:
    assert Differences(lambda: advance(now, 4.5), lambda: advance(now, 0.5), 4).times(2) == [1.0, 1.0]
