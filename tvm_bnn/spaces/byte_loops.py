"""The loops of ``binary-dot``: tiles as :mod:`tvm_bnn.spaces.lanes` has them, and bits to bytes before.

::

    pad, bytes, signed                                      each by itself; 64 bytes an instruction
    parallel for tiles of rows, columns and filters:
        for vector / vectors:
            for kh, kw, block of 64 channels, quad:         innermost ``unroll`` of them unrolled
                unrolled rows, columns, vectors:            acc += four products in each of 16 lanes
        value, signs                                        see :mod:`tvm_bnn.spaces.finishing`
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from typing import Any

from tvm_bnn.lowering import vnni
from tvm_bnn.lowering.binary_dot import codes_expansion
from tvm_bnn.lowering.byte_products import blocks_of, weight_expansion
from tvm_bnn.lowering.expand import Expansion
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.spaces import finishing, portable
from tvm_bnn.spaces.base import Setting, Variant
from tvm_bnn.spaces.lanes import DotLoops
from tvm_bnn.spaces.map_tiles import convolution_of

_UNROLLED_LIMIT = 36
"""Longest unrolled reduction, in instructions a sum: beyond it the loop body outgrows the instruction cache."""


class ByteLoops(DotLoops):
    """For ``binary-dot``."""

    name = "binary-dot"
    version = 1

    def variants(self, setting: Setting) -> list[Variant]:
        """Each order, each depth of unrolling that stays within the instruction cache."""
        orders = dict.fromkeys(variant["order"] for variant in super().variants(setting))
        extents = _reduction(convolution_of(setting))
        steps = [math.prod(extents[len(extents) - depth :]) for depth in range(4)]
        depths = [d for d in range(4) if steps[d] <= _UNROLLED_LIMIT and (d == 0 or steps[d] > steps[d - 1])]
        return [{"order": order, "unroll": depth} for order in orders for depth in depths]

    def arrange(self, schedule: Any, setting: Setting, tile: Sequence[Any], variant: Variant) -> None:
        """Tile, reorder, fuse the epilogue in; then the sums and what makes bytes of bits become instructions."""
        conv, acc = convolution_of(setting), schedule.get_sblock("acc")
        n, h, w, block, vector, lane, *reduction, i = schedule.get_loops(acc)
        (h, rows), (w, columns), (vector, vectors) = (
            schedule.split(loop, [None, extent], preserve_unit_iters=True)
            for loop, extent in zip((h, w, vector), tile, strict=True)
        )
        outer = [n, h, w, block] if variant["order"] == "pixels" else [block, n, h, w]
        schedule.reorder(*outer, vector, *reduction, rows, columns, vectors, lane, i)
        tiles = schedule.fuse(*outer, preserve_unit_iters=True)
        if setting.threads > 1:
            schedule.parallel(tiles)
        finishing.fuse_epilogue(schedule, setting, tiles)
        schedule.set_scope(acc, 0, "local")
        for loop in (rows, columns, vectors, *reduction[len(reduction) - int(variant["unroll"]) :]):
            schedule.unroll(loop)
        init = schedule.decompose_reduction(acc, reduction[0])
        schedule.vectorize(schedule.get_loops(init)[-1])
        schedule.tensorize(lane, vnni.intrinsic())
        arrange_rest(schedule, setting, set())
        if blocks_of(conv).whole:
            expand_by_instruction(schedule, "bytes", codes_expansion(conv))
        expand_by_instruction(schedule, "signed", weight_expansion(conv))


def arrange_rest(schedule: Any, setting: Setting, done: Set[str]) -> None:
    """Stages of their own but those ``done``; the padded map is left to the compiler, as the other lanes leave it."""
    lanes, threads = setting.target.lanes, setting.threads
    done = done | {"value", "pad", *finishing.fused_outputs(setting)}
    portable.arrange_stages(schedule, lanes, threads, lambda name: not name.startswith("acc") and name not in done)
    if threads > 1 and portable.has_stage(schedule, "pad"):
        portable.share_rows(schedule, schedule.get_sblock("pad"))


def expand_by_instruction(schedule: Any, name: str, expansion: Expansion) -> None:
    """Replace the two innermost loops of a stage [..., 16, 4] of bytes."""
    schedule.tensorize(schedule.get_loops(schedule.get_sblock(name))[-2], expansion.intrinsic)


def _reduction(conv: Conv2d) -> tuple[int, ...]:
    """Extents of the reduction that instructions run over, outermost first."""
    blocks = blocks_of(conv)
    return (*conv.kernel, blocks.group, blocks.group_quads)
