"""The peak of AMX: products of int8 tiles that stay in the tile registers.

    four accumulators = 0; two tiles of each operand loaded
    for i in range(iterations):
        accumulator[m, n] += left[m] x right[n]     m, n in 0..1, one tdpbssd each

Four independent accumulators hide the latency of ``tdpbssd`` (52 cycles at one in 16). Compiled and checked in the
assembly only: it has not been run on the hardware yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import T
from tvm_bnn.profiling.peaks.probe import Probe, iterations
from tvm_bnn.targets import Target

FLAG = "amx_int8"
_TILES = 8
_ROWS, _ROW_BYTES = 16, 64
_TILE_BYTES = _ROWS * _ROW_BYTES
_ACCUMULATORS = 4
_MACS = _ROWS * _ROW_BYTES * 16
"""Multiply-accumulates of one instruction: 16 rows by 64 bytes by 16 columns."""


def tile_probe(target: Target) -> Probe:
    """The probe; the process that runs it needs the permission to use tiles."""
    work = 2 * _MACS * _ACCUMULATORS
    rounds = iterations(target.peak("amx_int8_gops_per_core"), work)
    return Probe("amx_int8_gops_per_core", "Gop/s", "tdpbssd", work * rounds, _loop(rounds), _arrays)


def _arrays() -> Sequence[NDArray[np.generic]]:
    operands = (np.arange(4 * _TILE_BYTES) % 256).astype(np.uint8).view(np.int8)
    return _configuration(), operands, np.zeros(_ACCUMULATORS * _TILE_BYTES, np.uint8)


def _configuration() -> NDArray[np.uint8]:
    """What ``ldtilecfg`` reads: palette 1, the bytes of a row of each tile from 16, the rows of each from 48."""
    configuration = np.zeros(64, np.uint8)
    configuration[0] = 1
    configuration[16 : 16 + 2 * _TILES : 2] = _ROW_BYTES
    configuration[48 : 48 + _TILES] = _ROWS
    return configuration


# fmt: off
def _loop(rounds: int) -> Any:
    """The function; tiles 0 to 3 accumulate, 4 and 5 are left operands, 6 and 7 right ones."""
    @T.prim_func(s_tir=True)
    def main(c: T.handle, o: T.handle, r: T.handle) -> None:
        T.func_attr({"tirx.noalias": True})
        configuration = T.match_buffer(c, (64,), "uint8")
        operands = T.match_buffer(o, (4 * _TILE_BYTES,), "int8")
        result = T.match_buffer(r, (_ACCUMULATORS * _TILE_BYTES,), "uint8")
        T.evaluate(T.call_llvm_intrin("void", "llvm.x86.ldtilecfg", configuration.access_ptr("r")))
        for t in T.unroll(_ACCUMULATORS):
            T.evaluate(T.call_llvm_intrin("void", "llvm.x86.tilezero", T.Cast("uint8", t)))
        for t in T.unroll(4):
            T.evaluate(T.call_llvm_intrin(
                "void", "llvm.x86.tileloadd64",
                T.Cast("uint8", 4 + t), operands.access_ptr("r", offset=t * _TILE_BYTES), T.int64(_ROW_BYTES),
            ))
        for _ in range(rounds):
            for t in T.unroll(_ACCUMULATORS):
                T.evaluate(T.call_llvm_intrin(
                    "void", "llvm.x86.tdpbssd",
                    T.Cast("uint8", t), T.Cast("uint8", 4 + t // 2), T.Cast("uint8", 6 + t % 2),
                ))
        for t in T.unroll(_ACCUMULATORS):
            T.evaluate(T.call_llvm_intrin(
                "void", "llvm.x86.tilestored64",
                T.Cast("uint8", t), result.access_ptr("w", offset=t * _TILE_BYTES), T.int64(_ROW_BYTES),
            ))
        T.evaluate(T.call_llvm_intrin("void", "llvm.x86.tilerelease"))

    return main
# fmt: on
