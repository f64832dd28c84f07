"""The instructions on the tiles of AMX, and their configuration.

A tile holds 16 rows of 64 bytes. ``tdpbssd c, a, b`` adds, for row m and column n of 16 by 16 int32,
``sum over k, i of a[m, 4 k + i] * b[k, 4 n + i]``, all bytes signed: row m of ``a`` is 64 channels of a pixel, row k of
``b`` is a quad of channels of 16 filters.

The instructions were compiled and looked at, and what they compute was emulated; on hardware they have not run yet.
"""

from __future__ import annotations

import abc
import struct
from typing import Any, ClassVar

from tvm_bnn._tvm import T, dtype_cast, tirx

Expr = Any

FLAG = "amx_int8"
"""The CPU flag of the instructions."""

TILES = 8
"""Tile registers."""

ROWS = 16
"""Rows of a tile; pixels of an accumulator tile."""

ROW_BYTES = 64

CONFIGURATION_WORDS = 16


def configuration() -> tuple[int, ...]:
    """The operand of ``ldtilecfg`` as int32 words: palette 1, every tile 16 rows of 64 bytes.

    Bytes 16 to 47 are the lengths of rows, 16 bits each, bytes 48 to 63 the numbers of rows; half of either is for
    tiles that the palette does not have.
    """
    operand = struct.pack("<B15x8H16x8B8x", 1, *[ROW_BYTES] * TILES, *[ROWS] * TILES)
    return struct.unpack(f"<{CONFIGURATION_WORDS}i", operand)


class Tiles(abc.ABC):
    """The instructions on tiles, as expressions with an effect. Tiles are numbers, strides are in bytes."""

    name: ClassVar[str]

    @abc.abstractmethod
    def configure(self, address: Expr) -> Expr:
        """``ldtilecfg``: shape all tiles and set them to zero."""

    @abc.abstractmethod
    def zero(self, tile: int) -> Expr:
        """``tilezero``."""

    @abc.abstractmethod
    def load(self, tile: int, address: Expr, stride: Expr) -> Expr:
        """``tileloadd``: rows from memory."""

    @abc.abstractmethod
    def multiply(self, total: int, left: int, right: int) -> Expr:
        """``tdpbssd``: add products of signed bytes."""

    @abc.abstractmethod
    def store(self, tile: int, address: Expr, stride: Expr) -> Expr:
        """``tilestored``: rows to memory."""

    @abc.abstractmethod
    def release(self) -> Expr:
        """``tilerelease``: back to the state in which the system need not save tiles."""


class HardwareTiles(Tiles):
    """By LLVM's intrinsics with tile numbers as immediates."""

    name = "hardware"

    def configure(self, address: Expr) -> Expr:
        """``ldtilecfg``."""
        return _intrinsic("ldtilecfg", address)

    def zero(self, tile: int) -> Expr:
        """``tilezero``."""
        return _intrinsic("tilezero", _number(tile))

    def load(self, tile: int, address: Expr, stride: Expr) -> Expr:
        """``tileloadd``."""
        return _intrinsic("tileloadd64", _number(tile), address, dtype_cast("int64", stride))

    def multiply(self, total: int, left: int, right: int) -> Expr:
        """``tdpbssd``."""
        return _intrinsic("tdpbssd", _number(total), _number(left), _number(right))

    def store(self, tile: int, address: Expr, stride: Expr) -> Expr:
        """``tilestored``."""
        return _intrinsic("tilestored64", _number(tile), address, dtype_cast("int64", stride))

    def release(self) -> Expr:
        """``tilerelease``."""
        return _intrinsic("tilerelease")


def _intrinsic(name: str, *arguments: Expr) -> Expr:
    return T.call_llvm_intrin("void", f"llvm.x86.{name}", *arguments)


def _number(tile: int) -> Expr:
    return tirx.const(tile, "uint8")
