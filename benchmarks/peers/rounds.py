"""Engines measured in turn: A B C A B C, so that all of them see the same machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from benchmarks.peers.process import PeerError

_MOST_CALLS = 100


class Runs(Protocol):
    """What :class:`benchmarks.peers.process.Peer` does."""

    def prepare(self, case: Mapping[str, Any]) -> float:
        """Make a case ready; the seconds that a call costs."""

    def run(self, runs: int) -> list[float]:
        """Seconds of so many calls."""


Entrant = tuple[Runs, Mapping[str, Any]]
"""An engine, and the case as it is told of it."""


@dataclass(frozen=True)
class Round:
    """The calls of one turn, in milliseconds: median, 5th and 95th percentile, and how many they were."""

    median: float
    p5: float
    p95: float
    calls: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Round:
        """From the time of every call, in seconds."""
        low, median, high = (1e3 * float(value) for value in np.percentile(seconds, [5, 50, 95]))
        return cls(median, low, high, len(seconds))


@dataclass(frozen=True)
class Timing:
    """One engine on one case; without rounds there is a reason.

    Attributes:
        rounds: of every turn.
        absent: why there are none.
    """

    rounds: tuple[Round, ...] = ()
    absent: str = ""

    @property
    def median(self) -> float:
        """Milliseconds of a call: median of the rounds' medians."""
        return float(np.median([turn.median for turn in self.rounds]))

    @property
    def spread(self) -> tuple[float, float]:
        """The 5th and the 95th percentile of a round's calls, medians over the rounds."""
        return float(np.median([turn.p5 for turn in self.rounds])), float(np.median([turn.p95 for turn in self.rounds]))

    def gops(self, macs: int) -> float:
        """1e9 operations a second, 2 to a multiply-accumulate."""
        return 2 * macs / self.median / 1e6


@dataclass(frozen=True)
class Ratio:
    """How many times faster one engine is than another: median over the rounds, and the range of the rounds."""

    median: float
    low: float
    high: float


def ratio(ours: Timing, theirs: Timing) -> Ratio | None:
    """Their time / ours, round by round; None where one of them was not measured."""
    found = [their.median / our.median for our, their in zip(ours.rounds, theirs.rounds, strict=False)]
    return Ratio(float(np.median(found)), min(found), max(found)) if found else None


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: turns of every engine.
        turn: seconds that a turn is to take.
        least: calls of a turn at least.
    """

    rounds: int
    turn: float = 0.1
    least: int = 3

    def calls(self, seconds: float) -> int:
        """Calls of a turn where each costs so many seconds."""
        return max(self.least, min(_MOST_CALLS, round(self.turn / max(seconds, 1e-9))))


@dataclass
class _Running:
    peer: Runs
    calls: int
    rounds: list[Round] = field(default_factory=list)
    failed: str = ""


def in_turn(peers: Mapping[str, Entrant], effort: Effort) -> dict[str, Timing]:
    """Measure every engine on its case.

    An engine that fails takes no further part and has a reason instead of times; the others go on.

    Args:
        peers: engine and case by name.
        effort: how long.
    """
    timings: dict[str, Timing] = {}
    entrants: dict[str, _Running] = {}
    for name, (peer, case) in peers.items():
        try:
            entrants[name] = _Running(peer, effort.calls(peer.prepare(case)))
        except PeerError as error:
            timings[name] = _absent(name, str(error))
    for _ in range(effort.rounds):
        for entrant in entrants.values():
            _turn(entrant)
    for name, entrant in entrants.items():
        timings[name] = _timing(name, entrant)
    return {name: timings[name] for name in peers}


def _turn(entrant: _Running) -> None:
    if entrant.failed:
        return
    try:
        entrant.rounds.append(Round.of(entrant.peer.run(entrant.calls)))
    except PeerError as error:
        entrant.failed = str(error)


def _timing(name: str, entrant: _Running) -> Timing:
    timing = Timing(tuple(entrant.rounds))
    if entrant.failed:
        return _absent(name, entrant.failed)
    # A difference of two times can be lost in their noise.
    return (
        timing
        if all(turn.median > 0 for turn in timing.rounds)
        else _absent(name, "the layer's time is below the noise")
    )


def _absent(name: str, reason: str) -> Timing:
    sys.stderr.write(f"  {name}: {reason}\n")
    return Timing(absent=reason)
