"""The operators and points whose estimates are compared with the clock, and the target they are compiled for."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.layers import layer, square, with_stream
from tvm_bnn.lowering.registry import Row, rows_for
from tvm_bnn.ops import Epilogue, Operator, RealConv2d
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Fact, Target, load
from tvm_bnn.targets.model import Llvm

_SOURCE = "nominal: Software Optimization Guide for the AMD Zen4 Microarchitecture"

OPERATORS: dict[str, Operator] = {
    "3x3 56x56x64": square(56, 64),
    "1x1 28x28x256": dataclasses.replace(layer(28, 28, 256), kernel=(1, 1), padding=(0, 0)),
    "3x3 14x14x256, stream": with_stream(square(14, 256)),
    "3x3 7x7x512": square(7, 512),
    "8 bit 3x3 64x64x3 to 32": RealConv2d(1, 64, 64, 3, 32, stride=(2, 2), epilogue=Epilogue(outputs=("stream",))),
}


def target_of(hertz: float) -> Target:
    """This host with 128-bit vectors: the emulator has no AVX.

    Args:
        hertz: its frequency.
    """
    portable = load("cpu-portable")
    facts = {
        **portable.facts,
        "clock_ghz": Fact(hertz / 1e9, "GHz", "measured while the kernels were", measured_here=True),
        "l2_bytes": Fact(1 << 20, "byte", _SOURCE),
        "cache_gbytes_per_s": Fact(32 * hertz / 1e9, "GB/s", f"{_SOURCE}: 32 byte a cycle"),
    }
    return dataclasses.replace(
        portable,
        name="x86-64-v2",
        description="x86-64 with SSE4.2, on a Zen 4 core",
        llvm=Llvm(mcpu="x86-64-v2"),
        facts=facts,
        core="zen4",
    )


@dataclass(frozen=True)
class Candidate:
    """One point of one lowering's space."""

    row: Row
    point: Point


def sample(operator: Operator, target: Target, count: int, seed: int) -> list[Candidate]:
    """Different points, the default of each lowering first; from all lowerings in turn, as far as they have any."""
    setting, generator = Setting(operator, target, 1), random.Random(seed)
    streams = [_shuffled(row, setting, generator) for row in rows_for(operator, target)]
    found: list[Candidate] = []
    while streams and len(found) < count:
        stream = streams.pop(0)
        candidate = next(stream, None)
        if candidate is not None:
            found.append(candidate)
            streams.append(stream)
    return found


def _shuffled(row: Row, setting: Setting, generator: random.Random) -> Iterator[Candidate]:
    default = row.space.default(setting)
    yield Candidate(row, default)
    tiles = row.space.tiles(setting) or [()]
    points = [Point(tile, variant) for tile in tiles for variant in row.space.variants(setting)]
    for point in generator.sample(points, len(points)):
        if point.key != default.key:
            yield Candidate(row, point)
