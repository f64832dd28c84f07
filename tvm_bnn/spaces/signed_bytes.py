"""The loops of sums of products of signed bytes.

Before::

    for n, h, w, vector, lane:                              acc = 0
        for kh, step, i:                                    acc += product
    value, signs                                            see :mod:`tvm_bnn.spaces.finishing`

After, for a tile of (rows, columns, vectors)::

    for (n, h / rows):
      pad what the strip sees
      for w / columns:
        for vector / vectors:
            acc[rows, columns, vectors, lanes] = 0          registers
            for kh, step:
                unrolled rows, columns, vectors:            an instruction over lane, i
        value, signs[rows, columns, C]

An instruction cannot be left out of a ragged end, so tiles divide the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tvm_bnn._tvm import tirx
from tvm_bnn.lowering import signed_bytes
from tvm_bnn.lowering.neon_dot import byte_dot
from tvm_bnn.ops.real_conv2d import RealConv2d
from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Point, Setting, Space, Tile, Variant
from tvm_bnn.spaces.map_tiles import cost, map_size, pixel_tiles

_MOST_VECTORS = 8
_OPERANDS = 2
"""Registers that a step needs beside its sums and weights."""


class SignedByteLoops(Space):
    """For ``signed-bytes``."""

    name = "signed-bytes"
    version = 1
    root_block = "acc_update_o"

    def variants(self, setting: Setting) -> list[Variant]:
        """One."""
        return [{}]

    def tiles(self, setting: Setting) -> list[Tile]:
        """Tiles that divide the map and whose sums fit the registers."""
        height, width = map_size(setting)
        vectors, registers = _vectors(setting), int(setting.target.peak("vector_registers"))
        each = byte_dot(setting.target).lanes // setting.target.lanes
        return [
            (r, c, v)
            for r, c in pixel_tiles(setting)
            for v in range(1, min(vectors, _MOST_VECTORS) + 1)
            if height % r == width % c == vectors % v == 0
            and ((r * c + 1) * v * each + _OPERANDS <= registers or (r, c, v) == (1, 1, 1))
        ]

    def default(self, setting: Setting) -> Point:
        """The tile with the fewest instructions."""
        return Point(min(self.tiles(setting), key=lambda tile: (cost(setting, tile, 4, 1), tile)), {})

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, reorder, fuse the epilogue in, name the intrinsic."""
        acc = schedule.get_sblock("acc")
        n, h, w, vector, lane, kh, step, i = schedule.get_loops(acc)
        (h, rows), (w, columns), (vector, vectors) = (
            schedule.split(loop, [None, extent], preserve_unit_iters=True)
            for loop, extent in zip((h, w, vector), tile, strict=True)
        )
        schedule.reorder(n, h, w, vector, kh, step, rows, columns, vectors, lane, i)
        strips = schedule.fuse(n, h, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(strips)
        pad = schedule.get_sblock("pad")
        schedule.compute_at(pad, strips, preserve_unit_loops=True)
        schedule.annotate(schedule.get_loops(pad)[-1], "pragma_loop_partition_hint", tirx.const(1, "int32"))
        finishing.fuse_epilogue(schedule, setting, w)
        schedule.set_scope(acc, 0, "local")
        for loop in (rows, columns, vectors):
            schedule.unroll(loop)
        init = schedule.decompose_reduction(acc, kh)
        schedule.vectorize(schedule.get_loops(init)[-1])
        schedule.tensorize(lane, byte_dot(setting.target).intrinsic)
        done = {"value", "pad", *finishing.fused_outputs(setting)}
        lanes, threads = setting.target.lanes, setting.threads
        portable.arrange_stages(schedule, lanes, threads, lambda name: not name.startswith("acc") and name not in done)


def _vectors(setting: Setting) -> int:
    return signed_bytes.vectors(cast(RealConv2d, setting.operator), byte_dot(setting.target))
