"""Peaks of the vector unit: loops that stay in registers.

    acc[0..11] = start                      12 vectors
    for i in range(iterations):
        acc[0..11] = step(acc[..], operand)
    result = acc

Twelve accumulators hide the latency of every instruction in question (at most 5 cycles at two a cycle) and fit into
16 registers. Operands come from memory at run time, and every step reads the accumulator it writes, so the compiler
can neither evaluate the loop nor move anything out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import T, llvm_call, tirx
from tvm_bnn.lowering.byte_lookup import NIBBLE_BITS
from tvm_bnn.profiling.peaks.probe import Probe, iterations
from tvm_bnn.targets import Target

ACCUMULATORS = 12
Step = Callable[[Any, Any], Any]
"""From accumulator and operand, vectors of the same type, to the next accumulator."""


def popcount_probe(target: Target) -> Probe:
    """Multiply-accumulates of 1 bit by 1 bit: by popcount, or by looking up what four bits count to."""
    bits, fact = int(target.peak("vector_bits")), "binary_gops_per_core"
    if "avx512_vpopcntdq" in target.requires:
        return _probe(target, fact, "xor, popcount and add of 64-bit lanes", "uint64", bits, _popcount)
    if "avx2" in target.requires:
        how = "look-up of four bits and add, 8-bit lanes"
        return _probe(target, fact, how, "uint8", bits // 8 * NIBBLE_BITS, _lookup)
    # Without a popcount of words, that of bytes is the shortest: words would need their bytes summed up.
    return _probe(target, fact, "xor, popcount and add of 8-bit lanes", "uint8", bits, _popcount)


def eight_bit_probe(target: Target) -> Probe:
    """The best multiply-accumulate of 8-bit numbers that the target's vector unit has."""
    lanes = int(target.peak("vector_bits")) // 32
    if "avx512_vnni" in target.requires:
        return _probe(target, "int8_gops_per_core", "vpdpbusd", "int32", 4 * lanes, _vpdpbusd)
    if "avx2" in target.requires:
        how = "vpmaddubsw, vpmaddwd and add"
        return _probe(target, "int8_gops_per_core", how, "int32", 4 * lanes, _vpmaddubsw)
    how = "multiply and add of 16-bit lanes"
    return _probe(target, "int8_gops_per_core", how, "int16", 2 * lanes, _multiply_add)


def float_probe(target: Target) -> Probe:
    """Multiply-add of 32-bit floating-point numbers, fused where the target has that."""
    lanes = int(target.peak("vector_bits")) // 32
    if "fma" in target.requires:
        return _probe(target, "float_gops_per_core", "fused multiply-add", "float32", lanes, _fused)
    return _probe(target, "float_gops_per_core", "multiply and add", "float32", lanes, _multiply_add)


def _probe(target: Target, fact: str, how: str, dtype: str, macs: int, step: Step) -> Probe:
    """The probe of one loop; ``macs`` are the multiply-accumulates of one step."""
    bits = int(target.peak("vector_bits"))
    lanes = bits // (8 * np.dtype(dtype).itemsize)
    work = 2 * macs * ACCUMULATORS
    rounds = iterations(target.peak(fact), work)

    def arrays() -> Sequence[NDArray[np.generic]]:
        # Halves as floating-point numbers: their loops converge, far from infinity and from denormal numbers.
        operand = np.full(lanes, 0.5) if dtype == "float32" else np.arange(1, lanes + 1)
        return operand.astype(dtype), np.arange(ACCUMULATORS * lanes).astype(dtype)

    return Probe(fact, "Gop/s", f"{how}, {bits}-bit", work * rounds, _loop(dtype, lanes, rounds, step), arrays)


def _popcount(accumulator: Any, operand: Any) -> Any:
    return accumulator + tirx.popcount(accumulator ^ operand)


def _lookup(accumulator: Any, operand: Any) -> Any:
    return accumulator + llvm_call("uint8x32", "llvm.x86.avx2.pshuf.b", operand, accumulator)


def _vpdpbusd(accumulator: Any, operand: Any) -> Any:
    left, right = T.reinterpret("uint8x64", operand), T.reinterpret("int8x64", operand)
    return llvm_call("int32x16", "llvm.x86.avx512.vpdpbusd.512", accumulator, left, right)


def _vpmaddubsw(accumulator: Any, operand: Any) -> Any:
    left, right = T.reinterpret("int8x32", accumulator), T.reinterpret("int8x32", operand)
    pairs = llvm_call("int16x16", "llvm.x86.avx2.pmadd.ub.sw", left, right)
    return accumulator + llvm_call("int32x8", "llvm.x86.avx2.pmadd.wd", pairs, T.reinterpret("int16x16", operand))


def _fused(accumulator: Any, operand: Any) -> Any:
    return llvm_call(str(accumulator.ty), "llvm.fma", operand, operand, accumulator)


def _multiply_add(accumulator: Any, operand: Any) -> Any:
    return accumulator * operand + operand


# fmt: off
def _loop(dtype: str, lanes: int, rounds: int, step: Step) -> Any:
    """The function; ``tirx.noalias`` is what lets the accumulators stay in registers."""
    @T.prim_func(s_tir=True)
    def main(o: T.handle, r: T.handle) -> None:
        T.func_attr({"tirx.noalias": True})
        operand = T.match_buffer(o, (lanes,), dtype)
        result = T.match_buffer(r, (ACCUMULATORS * lanes,), dtype)
        acc = T.alloc_buffer((ACCUMULATORS * lanes,), dtype, scope="local")
        for a in T.unroll(ACCUMULATORS):
            acc[T.ramp(a * lanes, 1, lanes)] = result[T.ramp(a * lanes, 1, lanes)]
        for _ in range(rounds):
            for a in T.unroll(ACCUMULATORS):
                acc[T.ramp(a * lanes, 1, lanes)] = step(acc[T.ramp(a * lanes, 1, lanes)], operand[T.ramp(0, 1, lanes)])
        for a in T.unroll(ACCUMULATORS):
            result[T.ramp(a * lanes, 1, lanes)] = acc[T.ramp(a * lanes, 1, lanes)]

    return main
# fmt: on
