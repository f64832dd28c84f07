"""How each engine is called on a layer, and whether what it gives is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.arm_peers.problems import Array, Problem, in_blocks, with_slack
from benchmarks.arm_peers.sources import DABNN, LARQ

_RUY_BLOCK = (8, 4)
"""Channels and words of a block of weights."""


@dataclass(frozen=True)
class Call:
    """Arguments of a driver: first the sizes, the last of which is how often to run; and what must come out."""

    arguments: list[Array]
    output: int
    expected: Array


@dataclass(frozen=True)
class Engine:
    """One way of an engine to compute a layer.

    Attributes:
        name: for tables.
        project: whose.
        symbol: the driver.
        around: the driver of what it does before and after its products, if that can be told apart.
        output: what it writes.
        included: what is priced beside the products.
        left_out: what the engine does besides.
        call: the arguments for a problem.
    """

    name: str
    project: str
    symbol: str
    around: str | None
    output: str
    included: str
    left_out: str
    call: Callable[[Problem], Call]


def _indirect_float(problem: Problem) -> Call:
    layer = problem.layer
    sizes = [layer.size, layer.size, layer.words, layer.channels, 0]
    arguments = [
        np.array(sizes, np.int32),
        with_slack(problem.maps),
        with_slack(problem.weights),
        np.ones(layer.channels, np.float32),
        np.zeros(layer.channels, np.float32),
        np.full(problem.counts.shape, np.nan, np.float32),
    ]
    return Call(arguments, 5, (2 * problem.counts).astype(np.float32))


def _ruy(problem: Problem, output: Array, *rest: Array) -> list[Array]:
    pixels, words = problem.patches.shape
    channels = problem.layer.channels
    weights = in_blocks(problem.weights.reshape(channels, words), *_RUY_BLOCK)
    sizes = np.array([pixels, words, channels, 0], np.int32)
    return [sizes, with_slack(problem.patches), with_slack(weights), output, *rest]


def _ruy_float(problem: Problem) -> Call:
    ones = np.ones(problem.layer.channels, np.float32)
    output = np.full(problem.counts.shape, np.nan, np.float32)
    return Call(_ruy(problem, output, ones, np.zeros_like(ones)), 3, (2 * problem.counts).astype(np.float32))


def _ruy_bits(problem: Problem) -> Call:
    bits = np.packbits(problem.counts > problem.thresholds, axis=1, bitorder="little")
    expected = bits.view(np.int32)
    return Call(_ruy(problem, np.zeros_like(expected), problem.thresholds), 3, expected)


def _dabnn(problem: Problem) -> Call:
    layer = problem.layer
    sizes = [layer.size, layer.size, layer.words // 2, layer.channels, 0]
    padded = np.zeros(((layer.size + 2) ** 2, layer.words), np.int32)
    arguments = [
        np.array(sizes, np.int32),
        with_slack(problem.maps),
        with_slack(problem.weights),
        with_slack(padded),
        np.full(problem.counts.shape, np.nan, np.float32),
    ]
    return Call(arguments, 4, problem.counts.astype(np.float32))


ENGINES = (
    Engine(
        "Larq, Ruy 8x4",
        LARQ.name,
        "ruy_bits",
        "ruy_pack",
        "packed signs",
        "packing of the patches, thresholds",
        "im2col",
        _ruy_bits,
    ),
    Engine(
        "Larq, Ruy 8x4",
        LARQ.name,
        "ruy_float",
        "ruy_pack",
        "float32",
        "packing of the patches, scale and bias",
        "im2col, the next layer's signs",
        _ruy_float,
    ),
    Engine(
        "Larq, indirect",
        LARQ.name,
        "indirect_float",
        None,
        "float32",
        "scale and bias",
        "the next layer's signs",
        _indirect_float,
    ),
    Engine(
        "daBNN",
        DABNN.name,
        "layer",
        "around",
        "float32 counts",
        "padding; im2col (64 channels) or its change of layout (from 256 channels on, weights too)",
        "scale and bias, the next layer's signs",
        _dabnn,
    ),
)
"""Larq writes packed signs by Ruy's kernels only: its indirect ones for them are portable C++."""
