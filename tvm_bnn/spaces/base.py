"""The contract of a space: a few discrete choices and one function that arranges the loops by them.

A point of a space is plain data, ``{"tile": [...], **variant}``: it is what a record keeps, and it can be applied to
another shape. The same ``arrange`` runs in two ways: with numbers (a record, the default), and under MetaSchedule,
where the tile is a random variable that the search samples and the trace remembers.

``tile`` is sampled as one number, so that only tiles that fit the registers are ever proposed; a variant is whatever
must be known while loops are rearranged (their order, how deep to unroll), one design space each.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tvm_bnn._tvm import s_tir
from tvm_bnn.ops.base import Operator
from tvm_bnn.targets import Target

Variant = Mapping[str, int | str]
Tile = tuple[int, ...]

VARIANT_KEY = "tvm_bnn.variant"
"""Block annotation that tells which design space a candidate came from."""

_RADIX = 4096
_MANY, _SMALL_RADIX = 4, 128


@dataclass(frozen=True)
class Point:
    """One arrangement: the tile and the variant."""

    tile: Tile = ()
    variant: Variant = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for records."""
        return {"tile": list(self.tile), **self.variant}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Point:
        """Inverse of :meth:`to_dict`.

        Raises:
            ValueError: where the tile is not a list of positive whole numbers, or a choice no number or word.
        """
        rest = dict(data)
        tile = rest.pop("tile", ())
        if not isinstance(tile, list | tuple) or not all(type(t) is int and 0 < t < _RADIX for t in tile):
            raise ValueError(f"tile: expected a list of whole numbers in 1..{_RADIX - 1}, got {tile!r}")
        for name, choice in rest.items():
            if type(choice) not in (int, str):
                raise ValueError(f"{name}: expected a whole number or a word, got {choice!r}")
        return Point(tuple(tile), rest)

    @property
    def key(self) -> str:
        """Canonical text: equal for equal points."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Setting:
    """What a space arranges loops for."""

    operator: Operator
    target: Target
    threads: int


class Space(abc.ABC):
    """The arrangements of one lowering. ``version`` changes whenever a point comes to mean something else."""

    name: ClassVar[str]
    version: ClassVar[int]
    root_block: ClassVar[str]

    @abc.abstractmethod
    def variants(self, setting: Setting) -> list[Variant]:
        """The design spaces."""

    @abc.abstractmethod
    def tiles(self, setting: Setting) -> list[Tile]:
        """The tiles that may be sampled; empty where nothing is tiled."""

    @abc.abstractmethod
    def default(self, setting: Setting) -> Point:
        """The point taken with zero trials."""

    @abc.abstractmethod
    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Apply a tile (numbers or random variables) and a variant."""

    def points(self, setting: Setting) -> int:
        """How many points there are."""
        return len(self.variants(setting)) * max(1, len(self.tiles(setting)))

    def nearest(self, setting: Setting, point: Point) -> Point:
        """``point`` as it is if it belongs to this setting's space, else the closest that does."""
        variants, tiles = self.variants(setting), self.tiles(setting)
        variant = max(variants, key=lambda v: sum(v[k] == point.variant.get(k) for k in v))
        tile = min(tiles, key=lambda t: _distance(t, point.tile), default=())
        return Point(tile, variant)

    def adapted(self, setting: Setting, point: Point) -> Point:
        """What an operator takes over from the record of another one."""
        return self.nearest(setting, point)

    def scheduled(self, function: Any, setting: Setting, point: Point) -> Any:
        """The function with its loops arranged by ``point``, fixed."""
        return self._arranged(function, setting, point).mod["main"].with_attr("tirx.is_scheduled", True)

    def trace(self, function: Any, setting: Setting, point: Point) -> str:
        """The steps of that arrangement, as Python that TVM can run."""
        return str(self._arranged(function, setting, point).trace)

    def _arranged(self, function: Any, setting: Setting, point: Point) -> Any:
        schedule = s_tir.Schedule(function)
        self.arrange(schedule, setting, point.tile, point.variant)
        return schedule

    def generator(self, setting: Setting) -> Callable[[Any], list[Any]]:
        """The function MetaSchedule's ``ScheduleFn`` wants: one schedule per variant, the tile sampled."""

        def schedules(schedule: Any) -> list[Any]:
            copies = [(schedule.copy(), variant) for variant in self.variants(setting)]
            for copy, variant in copies:
                self._sample(copy, setting, variant, None)
            return [copy for copy, _ in copies]

        return schedules

    def sample_as(self, schedule: Any, setting: Setting, point: Point) -> None:
        """Sample as the search does, but decide for ``point``: a candidate that the search can learn from."""
        self._sample(schedule, setting, point.variant, self.tiles(setting).index(point.tile))

    def _sample(self, schedule: Any, setting: Setting, variant: Variant, decision: int | None) -> None:
        codes = [_encode(tile) for tile in self.tiles(setting)]
        code = schedule.sample_categorical(codes, [1 / len(codes)] * len(codes), decision)
        self.arrange(schedule, setting, _decode(code, len(self.tiles(setting)[0])), variant)
        block = schedule.get_sblock(self.root_block)
        schedule.annotate(block, VARIANT_KEY, json.dumps(dict(variant), sort_keys=True))

    def point_of(self, schedule: Any, setting: Setting) -> Point:
        """The point that a sampled schedule stands for."""
        (sampled,) = (i for i in schedule.trace.insts if i.kind.name == "SampleCategorical")
        code = int(list(sampled.attrs[0])[int(schedule.trace.decisions[sampled])])
        annotations = schedule.get(schedule.get_sblock(self.root_block)).annotations
        tile = tuple(int(part) for part in _decode(code, len(self.tiles(setting)[0])))
        return Point(tile, json.loads(str(annotations[VARIANT_KEY])))


def _encode(tile: Tile) -> int:
    code = 0
    for part in tile:
        code = code * _radix(len(tile)) + part
    return code


def _decode(code: Any, parts: int) -> list[Any]:
    """The parts of a code, which may be a random variable."""
    radix = _radix(parts)
    return [code // radix ** (parts - 1 - i) % radix for i in range(parts)]


def _radix(parts: int) -> int:
    """Above every part, but so that what is sampled stays an int32."""
    return _RADIX if parts < _MANY else _SMALL_RADIX


def _distance(left: Tile, right: Tile) -> float:
    if len(left) != len(right):
        return float("inf")
    return sum(abs(a - b) / max(a, b) for a, b in zip(left, right, strict=True))
