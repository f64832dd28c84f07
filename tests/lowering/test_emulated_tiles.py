"""The stand-in for tiles is strict itself: it reports what a processor would stop at."""

import ctypes
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from tests.lowering.emulated_tiles import library
from tvm_bnn.lowering.amx import configuration


@pytest.fixture
def tiles() -> Iterator[ctypes.CDLL]:
    loaded = library()
    loaded.emulated_fault()
    yield loaded
    loaded.emulated_release()


def configured(tiles: ctypes.CDLL, rows: list[int], lengths: list[int], palette: int = 1) -> str:
    """Configure tiles; the fault, or nothing."""
    padded = [*lengths, *[0] * (16 - len(lengths))], [*rows, *[0] * (16 - len(rows))]
    tiles.emulated_configure(struct.pack("<B15x16H16B", palette, *padded[0], *padded[1]))
    return tiles.emulated_fault().decode()


def test_products_of_signed_bytes(tiles: ctypes.CDLL) -> None:
    tiles.emulated_configure(struct.pack("<16i", *configuration()))
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-128, 128, (16, 64), np.int8) for _ in range(2))
    start = rng.integers(-1000, 1000, (16, 16), np.int32)
    total = np.zeros((16, 32), np.int32)
    for tile, array in enumerate((start, a, b)):
        tiles.emulated_load(tile, array.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(64))
    tiles.emulated_multiply(0, 1, 2)
    tiles.emulated_store(0, total.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(128))
    assert tiles.emulated_fault() == b""
    right = b.reshape(16, 16, 4).transpose(0, 2, 1).reshape(64, 16).astype(np.int32)
    np.testing.assert_array_equal(total[:, :16], start + a.astype(np.int32) @ right)
    assert not total[:, 16:].any()


def test_configurations(tiles: ctypes.CDLL) -> None:
    assert configured(tiles, [16], [64]) == ""
    assert configured(tiles, [], [], palette=2) == "ldtilecfg: unknown palette"
    assert configured(tiles, [17], [64]) == "ldtilecfg: shape of a tile"
    assert configured(tiles, [16], [0]) == "ldtilecfg: shape of a tile"
    assert configured(tiles, [16] * 9, [64] * 9) == "ldtilecfg: tile beyond the palette"


def test_undefined_and_mismatched_tiles(tiles: ctypes.CDLL) -> None:
    tiles.emulated_zero(0)
    assert tiles.emulated_fault() == b"tilezero: undefined tile"
    assert configured(tiles, [16, 16, 8], [64, 64, 64]) == ""
    tiles.emulated_multiply(0, 1, 2)
    assert tiles.emulated_fault() == b"tdpbssd: shapes of tiles"
    tiles.emulated_multiply(0, 1, 1)
    assert tiles.emulated_fault() == b"tdpbssd: a tile named twice"
    tiles.emulated_multiply(0, 1, 3)
    assert tiles.emulated_fault() == b"tdpbssd: undefined tile"
    assert tiles.emulated_alive() == 1
