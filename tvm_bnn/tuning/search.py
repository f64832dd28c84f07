"""The search of one space: a few points by chance, then what MetaSchedule makes of them, then what it left over."""

from __future__ import annotations

import random

from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.evolution import Evolution, Measured
from tvm_bnn.tuning.task import Arm

_CHANCE = 8
"""Points that must have been measured before a model of them is worth its training."""


class Search:
    """Proposes points of a space, none twice, and learns from what they measured.

    Args:
        arm: whose space is searched.
        batch: how many points MetaSchedule generates at a time.
        seed: equal seeds and equal measurements give equal proposals.
    """

    def __init__(self, arm: Arm, batch: int, seed: int) -> None:
        self.arm, self.batch, self.seed = arm, batch, seed
        space, setting = arm.row.space, arm.setting
        points = [Point(tile, variant) for tile in space.tiles(setting) or [()] for variant in space.variants(setting)]
        self._space = {point.key: point for point in points}
        self._unseen = dict(random.Random(seed).sample(sorted(self._space.items()), len(self._space)))
        self._known, self._waiting = 0, list[Point]()
        self._news: list[Measured] = []
        self._evolution: Evolution | None = None

    def propose(self, limit: int) -> list[Point]:
        """At most ``limit`` points that were not proposed or learnt before; empty once every point was."""
        self._waiting = [point for point in self._waiting if point.key in self._unseen]
        if not self._waiting:
            self._waiting = self._next_batch()
        taken, self._waiting = self._waiting[:limit], self._waiting[limit:]
        for point in taken:
            del self._unseen[point.key]
        return taken

    def learn(self, point: Point, seconds: list[float] | None) -> None:
        """Take in times in seconds, None for a failure; a point of no such space says nothing."""
        if point.key in self._space:
            self._unseen.pop(point.key, None)
            self._news.append((point, seconds))
            self._known += 1

    def _next_batch(self) -> list[Point]:
        left = list(self._unseen.values())
        if self._known < _CHANCE:
            return left[: _CHANCE - self._known]
        if len(left) <= self.batch:
            return left
        # A search by chance finds the last few of a space only after many tries.
        return self._generated() or left[: self.batch]

    def _generated(self) -> list[Point]:
        if self._evolution is None:
            self._evolution = Evolution(self.arm, self.batch, _CHANCE, self.seed)
        # What was measured is taken in only now, all at once: training takes its time.
        self._evolution.learn(self._news)
        self._news = []
        return [point for point in self._evolution.generate() if point.key in self._unseen]
