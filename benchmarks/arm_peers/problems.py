"""Layers with arrays that every engine understands, and what must come out."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Words = NDArray[np.int32]

_SLACK = 64
"""Bytes that a kernel may read behind the end of an array."""


@dataclass(frozen=True)
class Layer:
    """A 3x3 layer of a square map with as many channels out as in, padded by bits that are 0."""

    size: int
    channels: int

    @property
    def name(self) -> str:
        """As other engines publish it."""
        return f"{self.size}x{self.size}x{self.channels}"

    @property
    def words(self) -> int:
        """Words of 32 bits of a pixel."""
        return self.channels // 32

    @property
    def macs(self) -> int:
        """Taps in the padding count."""
        return self.size**2 * self.channels**2 * 9


LAYERS = (Layer(56, 64), Layer(28, 128), Layer(14, 256), Layer(7, 512))


@dataclass(frozen=True)
class Problem:
    """A layer's arrays.

    Attributes:
        layer: the layer.
        maps: [H, W, words].
        weights: [O, 3, 3, words].
        patches: [H W, 9 words], a row for each pixel of the output.
        counts: [H W, O], bits in which a patch and the weights of a channel differ.
        thresholds: [O], int32.
    """

    layer: Layer
    maps: Words
    weights: Words
    patches: Words
    counts: NDArray[np.int32]
    thresholds: NDArray[np.int32]


@functools.lru_cache(maxsize=1)
def problem_of(layer: Layer, seed: int) -> Problem:
    """Random bits."""
    generator = np.random.default_rng(seed)
    maps = _random_words(generator, (layer.size, layer.size, layer.words))
    weights = _random_words(generator, (layer.channels, 3, 3, layer.words))
    padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    patches = np.ascontiguousarray(windows.transpose(0, 1, 3, 4, 2)).reshape(layer.size**2, 9 * layer.words)
    flat = weights.reshape(layer.channels, -1)
    counts = np.stack([np.bitwise_count(patches.view(np.uint32) ^ row.view(np.uint32)).sum(1) for row in flat], axis=1)
    half = 9 * layer.channels // 2
    thresholds = generator.integers(half - 20, half + 20, layer.channels, dtype=np.int32)
    return Problem(layer, maps, weights, patches, counts.astype(np.int32), thresholds)


def _random_words(generator: np.random.Generator, shape: tuple[int, ...]) -> Words:
    return generator.integers(-(2**31), 2**31, shape, dtype=np.int32)


def with_slack(array: Array) -> Array:
    """Its elements in a row, and some zeros behind."""
    return np.concatenate([array.ravel(), np.zeros(_SLACK // array.itemsize, array.dtype)])


def in_blocks(weights: Words, rows: int, depth: int) -> Words:
    """Weights [O, words] in blocks of ``rows`` channels: [O / rows, words / depth, rows, depth], padded with zeros."""
    channels, words = weights.shape
    padded = np.pad(weights, ((0, 0), (0, -words % depth)))
    return np.ascontiguousarray(padded.reshape(channels // rows, rows, -1, depth).transpose(0, 2, 1, 3))
