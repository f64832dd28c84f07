"""The loops of every lowering whose lanes run over output channels.

Before::

    for n, h, w, block, vector, lane:          acc = 0
        for kh, kw, ..., j:                    acc += term
    for n, h, w, c:                            value = epilogue(acc)
    for n, h, w, word:                         signs = value >= threshold

After, for a tile of (rows, columns, vectors) and the order ``pixels``::

    parallel for (n, h / rows):
      pad what the strip sees
      for (w / columns, block):
        for vector / vectors:
            acc[rows, columns, vectors, lanes] = 0          registers
            for kh, kw, ..., j:                             innermost ``unroll`` of them unrolled
                unrolled rows, columns, vectors; vectorised lane:  acc += term
        value, signs[rows, columns, 64 channels]            see :mod:`tvm_bnn.spaces.finishing`

The order ``filters`` puts the block of 64 output channels outermost, so that its weights stay in the cache while all
pixels pass: for layers with more weights than map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from tvm_bnn.lowering import vnni
from tvm_bnn.ops.base import AccumulatingOperator
from tvm_bnn.ops.bits import CHANNEL_ALIGNMENT
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.map_tiles import map_size

_STRIPS_PER_THREAD = 16
"""Rows of the map for every thread from which on whole rows are shared out."""

_UNROLLED_LIMIT = 36
"""Longest unrolled reduction, in steps: beyond it the loop body outgrows the instruction cache."""


class Lanes(Space):
    """For ``popcount-lanes`` and ``multiply-lanes``."""

    name = "lanes"
    version = 3
    root_block = "acc_update"
    ragged: ClassVar[bool] = True

    def variants(self, setting: Setting) -> list[Variant]:
        """Each order, each depth of unrolling that stays within the instruction cache."""
        depths = [depth for depth in range(4) if _unrolled(setting, depth) <= _UNROLLED_LIMIT]
        distinct = [d for d in depths if d == 0 or _unrolled(setting, d) > _unrolled(setting, d - 1)]
        return [{"order": order, "unroll": depth} for order in _orders(setting) for depth in distinct]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles whose accumulators fit the vector registers; imperfect ones too."""
        rows, columns = map_size(setting)
        vectors = _vectors(setting)
        limit = _accumulators(setting)
        return [
            (r, c, v)
            for r in _extents(rows, 4, self.ragged)
            for c in _extents(columns, 16, self.ragged)
            for v in (1, 2, 4)
            if vectors % v == 0 and (r * c * v <= limit)
        ]

    def default(self, setting: Setting) -> Point:
        """About four pixels by four vectors, tiles that divide the map first."""
        rows, columns = map_size(setting)
        wanted = _accumulators(setting) * 2 / 3

        def badness(tile: Tile) -> tuple[float, ...]:
            r, c, v = tile
            waste = -(-rows // r) * r * -(-columns // c) * c / (rows * columns)
            ragged = rows % r > 0 or columns % c > 0
            return (ragged + 4 * (waste - 1) + abs(math.log2(r * c * v / wanted)) + abs(math.log2(v / 4)) / 4, r)

        # Weights that leave room for the map in the second-level cache stay there anyway.
        kept = setting.target.peak("l2_bytes") / 4
        order = _orders(setting)[-1] if _weight_bytes(setting) > kept else "pixels"
        return Point(min(self.tiles(setting), key=badness), {"order": order, "unroll": 0})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, reorder, fuse the epilogue in, unroll."""
        acc = schedule.get_sblock("acc")
        n, h, w, block, vector, lane, *reduction = schedule.get_loops(acc)
        inner = [lane, *self._instruction_axes(reduction)]
        (h, rows), (w, columns), (vector, vectors) = (
            schedule.split(loop, [None, extent], preserve_unit_iters=True)
            for loop, extent in zip((h, w, vector), tile, strict=True)
        )
        outer = [n, h, w, block] if variant["order"] == "pixels" else [block, n, h, w]
        schedule.reorder(*outer, vector, *reduction, rows, columns, vectors, *inner)
        strips = _by_strips(setting)
        shared = outer.index(h) + 1 if strips else len(outer)
        tasks = schedule.fuse(*outer[:shared], preserve_unit_iters=True)
        tiles = schedule.fuse(*outer[shared:], preserve_unit_iters=True) if strips else tasks
        if setting.threads > 1:
            schedule.parallel(tasks)
        if strips and portable.has_stage(schedule, "pad"):
            schedule.compute_at(schedule.get_sblock("pad"), tasks, preserve_unit_loops=True)
        finishing.fuse_epilogue(schedule, setting, tiles)
        schedule.set_scope(acc, 0, "local")
        for loop in (rows, columns, vectors, *_innermost(reduction, int(variant["unroll"]))):
            schedule.unroll(loop)
        self._vectorize(schedule, lane)
        self._tensorize(schedule, lane, schedule.decompose_reduction(acc, reduction[0]))
        _arrange_rest(schedule, setting)

    def _instruction_axes(self, reduction: list[Any]) -> list[Any]:
        """Take the reduction axes that one instruction covers off the list, innermost."""
        return []

    def _vectorize(self, schedule: Any, lane: Any) -> None:
        """Turn the lanes into vectors, before start value and sum part."""
        schedule.vectorize(lane)

    def _tensorize(self, schedule: Any, lane: Any, init: Any) -> None:
        """Replace the lanes of the sum by an instruction, after they parted."""


class DotLoops(Lanes):
    """For ``dot-lanes``: the innermost axis of four bytes and the lanes together are one instruction.

    An instruction cannot be left out of a ragged end, so tiles divide the map.
    """

    name = "dot-lanes"
    root_block = "acc_update_o"
    ragged = False

    def _instruction_axes(self, reduction: list[Any]) -> list[Any]:
        return [reduction.pop()]

    def _vectorize(self, schedule: Any, lane: Any) -> None:
        """Not yet: the instruction replaces the loop itself."""

    def _tensorize(self, schedule: Any, lane: Any, init: Any) -> None:
        schedule.vectorize(schedule.get_loops(init)[-1])
        schedule.tensorize(lane, vnni.intrinsic())


def _innermost(loops: Sequence[Any], count: int) -> list[Any]:
    return list(loops[len(loops) - count :])


def _arrange_rest(schedule: Any, setting: Setting) -> None:
    """Stages of their own: outputs that could not be fused, and the padded map where threads do not pad for themselves.

    What is padded is left to the compiler, which masks vectors at the border; vectors made here would end there.
    """
    done = {"value", "pad", *finishing.fused_outputs(setting)}
    lanes, threads = setting.target.lanes, setting.threads
    portable.arrange_stages(schedule, lanes, threads, lambda name: not name.startswith("acc") and name not in done)
    if threads > 1 and not _by_strips(setting) and portable.has_stage(schedule, "pad"):
        portable.share_rows(schedule, schedule.get_sblock("pad"))


def _by_strips(setting: Setting) -> bool:
    """Whether threads share the map by rows of tiles and pad what these see, rather than tile by tile.

    Padding a strip anew is next to nothing, and no thread waits for the map; but few rows are shared unevenly.
    """
    shape = _operator(setting).accumulator_shape()
    return len(shape) == 4 and (setting.threads == 1 or shape[0] * shape[1] >= _STRIPS_PER_THREAD * setting.threads)


def _operator(setting: Setting) -> AccumulatingOperator:
    assert isinstance(setting.operator, AccumulatingOperator)
    return setting.operator


def _orders(setting: Setting) -> tuple[str, ...]:
    """Which loops may come outermost; with a single block of output channels both orders are the same loops."""
    single = setting.operator.kind == "real_conv2d" or _operator(setting).accumulator_shape()[-1] <= CHANNEL_ALIGNMENT
    return ("pixels",) if single else ("pixels", "filters")


def _vectors(setting: Setting) -> int:
    """Extent of the axis ``vector``."""
    lanes = setting.target.lanes
    if setting.operator.kind in ("conv2d", "dense"):
        return CHANNEL_ALIGNMENT // lanes
    return -(-_operator(setting).accumulator_shape()[-1] // lanes)


def _accumulators(setting: Setting) -> int:
    """Vector registers an arrangement may use for sums: three quarters, the rest is for operands."""
    return int(setting.target.peak("vector_registers")) * 3 // 4


def _reduction(setting: Setting) -> tuple[int, ...]:
    """Extents of the reduction, outermost first."""
    operator = setting.operator
    conv = operator.as_conv2d() if isinstance(operator, Dense) else operator
    weight = conv.inputs()[[spec.name for spec in conv.inputs()].index("weight")].shape
    if isinstance(conv, Conv2d):
        return (*conv.kernel, conv.activation_bits, conv.weight_bits, weight[3] // conv.weight_bits)
    return weight[:3]


def _unrolled(setting: Setting, depth: int) -> int:
    """Steps of the reduction that ``depth`` unrolled loops write out."""
    return math.prod(_innermost(_reduction(setting), depth))


def _weight_bytes(setting: Setting) -> int:
    return next(spec.nbytes for spec in setting.operator.inputs() if spec.name == "weight")


def _extents(size: int, limit: int, ragged: bool) -> list[int]:
    """Tile extents along an axis: its divisors up to ``limit``, and a few that leave a ragged end."""
    divisors = [d for d in range(1, min(size, limit) + 1) if size % d == 0]
    others = [d for d in (2, 3, 4, 6) if d < size and d <= limit and d not in divisors]
    return sorted([*divisors, *others]) if ragged else divisors
