"""Signs as bits: how values of +1 and -1 are laid out in memory.

Layout (the same on every target): NHWC, packed along the channels, little-endian 32-bit words, channels padded to
a multiple of 64. Bit 1 means x >= 0 (+1), bit 0 means x < 0 (-1); padding bits are 0. Word ``j`` of a pixel holds the
channels ``32 j .. 32 j + 31``, channel ``32 j`` in the least significant bit. Views of the same memory as 8, 16 or
64-bit words are equally valid, so the width a kernel works with is its own choice.

Several bit planes of one tensor follow each other along the last axis, the least significant plane first:
``[..., planes * words]``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 32
"""Bits in a word of the canonical view."""

CHANNEL_ALIGNMENT = 64
"""Channels are padded to a multiple of this many bits."""

Words = NDArray[np.int32]


def words_for(channels: int) -> int:
    """Number of 32-bit words that hold ``channels`` bits, padding included."""
    return -(-channels // CHANNEL_ALIGNMENT) * (CHANNEL_ALIGNMENT // WORD_BITS)


def pack_bits(bits: NDArray[np.bool_]) -> Words:
    """Pack the last axis of ``bits`` [..., C] into int32 words [..., words_for(C)]; padding bits are 0."""
    channels = bits.shape[-1]
    padding = words_for(channels) * WORD_BITS - channels
    padded = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, padding)])
    packed = np.ascontiguousarray(np.packbits(padded, axis=-1, bitorder="little"))
    return packed.view("<i4")


def unpack_bits(words: Words, channels: int) -> NDArray[np.bool_]:
    """Inverse of :func:`pack_bits`: int32 words [..., W] to bool [..., channels]."""
    octets = np.ascontiguousarray(words, dtype="<i4").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=channels, bitorder="little").astype(bool)


def pack_codes(codes: NDArray[np.integer], bits: int) -> Words:
    """Pack unsigned codes [..., C] of ``bits`` bits each into bit planes [..., bits * words_for(C)]."""
    planes = [pack_bits((codes >> plane) & 1 == 1) for plane in range(bits)]
    return np.concatenate(planes, axis=-1)


def unpack_codes(words: Words, channels: int, bits: int) -> NDArray[np.int32]:
    """Inverse of :func:`pack_codes`: bit planes [..., bits * W] to codes [..., channels], int32."""
    planes = np.split(words, bits, axis=-1)
    unpacked = (unpack_bits(plane, channels).astype(np.int32) << i for i, plane in enumerate(planes))
    return np.sum(list(unpacked), axis=0, dtype=np.int32)


def decode(codes: NDArray[np.int32], bits: int, *, bipolar: bool) -> NDArray[np.int32]:
    """The integers that codes of ``bits`` bits stand for.

    Unipolar: the code itself, 0 .. 2^bits - 1. Bipolar: every plane is +1 or -1 with weight 2^plane, hence
    2 code - (2^bits - 1): the odd numbers from -(2^bits - 1) to 2^bits - 1; with one bit -1 and +1.
    """
    return 2 * codes - (2**bits - 1) if bipolar else codes
