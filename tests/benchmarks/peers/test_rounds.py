from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.peers.process import PeerError
from benchmarks.peers.rounds import Effort, Ratio, Round, Timing, in_turn, ratio


class Fake:
    """An engine that takes the times it is given, one a round, and writes down when it was called."""

    def __init__(self, name: str, diary: list[str], *seconds: float, refuses: bool = False) -> None:
        self.name, self.diary, self.refuses = name, diary, refuses
        self.seconds = list(seconds)

    def prepare(self, case: Mapping[str, Any]) -> float:
        if self.refuses:
            raise PeerError("no groups")
        self.diary.append(f"{self.name} prepares {case['name']}")
        return 0.05

    def run(self, runs: int) -> list[float]:
        self.diary.append(self.name)
        if not self.seconds:
            raise PeerError("the process ended")
        return [self.seconds.pop(0)] * runs


CASE = {"name": "layer"}


def timing(*medians: float) -> Timing:
    return Timing(tuple(Round(median, median * 0.9, median * 1.1, 3) for median in medians))


def test_engines_take_turns() -> None:
    diary: list[str] = []
    peers = {name: (Fake(name, diary, 1.0, 1.0, 1.0), CASE) for name in "ab"}
    in_turn(peers, Effort(3))
    assert diary == ["a prepares layer", "b prepares layer", "a", "b", "a", "b", "a", "b"]


def test_rounds_are_kept_in_milliseconds() -> None:
    found = in_turn({"a": (Fake("a", [], 0.002, 0.001), CASE)}, Effort(2))["a"]
    assert [turn.median for turn in found.rounds] == pytest.approx([2.0, 1.0])
    assert [turn.calls for turn in found.rounds] == [3, 3]


def test_one_that_refuses_or_dies_has_a_reason_and_the_others_go_on() -> None:
    diary: list[str] = []
    peers = {
        "a": (Fake("a", diary, 1.0, 1.0), CASE),
        "refuses": (Fake("refuses", diary, refuses=True), CASE),
        "dies": (Fake("dies", diary, 1.0), CASE),
    }
    found = in_turn(peers, Effort(2))
    assert list(found) == ["a", "refuses", "dies"]
    assert {name: (len(t.rounds), t.absent) for name, t in found.items()} == {
        "a": (2, ""),
        "refuses": (0, "no groups"),
        "dies": (0, "the process ended"),
    }


def test_one_that_died_is_not_asked_again() -> None:
    diary: list[str] = []
    in_turn({"dies": (Fake("dies", diary), CASE)}, Effort(3))
    assert diary == ["dies prepares layer", "dies"]


def test_a_difference_lost_in_noise_is_no_time() -> None:
    found = in_turn({"a": (Fake("a", [], 0.1, -0.1), CASE)}, Effort(2))["a"]
    assert (found.rounds, found.absent) == ((), "the layer's time is below the noise")


def test_a_round_tells_of_its_calls() -> None:
    found = Round.of([seconds / 1000 for seconds in range(101)])
    assert [found.median, found.p5, found.p95] == pytest.approx([50, 5, 95])
    assert found.calls == 101


def test_a_slow_round_does_not_decide() -> None:
    found = timing(1.0, 9.0, 2.0)
    assert found.median == 2.0
    assert found.spread == pytest.approx((1.8, 2.2))
    assert found.gops(10**6) == pytest.approx(1.0)


def test_ratios_are_of_rounds() -> None:
    assert ratio(timing(1.0, 2.0, 1.0), timing(3.0, 8.0, 5.0)) == Ratio(4.0, 3.0, 5.0)


@pytest.mark.parametrize(("ours", "theirs"), [(Timing(absent="no"), timing(1.0)), (timing(1.0), Timing(absent="no"))])
def test_no_ratio_without_both(ours: Timing, theirs: Timing) -> None:
    assert ratio(ours, theirs) is None


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 3), (0.01, 10), (1e-6, 100), (0.0, 100)])
def test_a_turn_has_as_many_calls_as_fit(seconds: float, calls: int) -> None:
    assert Effort(1, turn=0.1, least=3).calls(seconds) == calls
