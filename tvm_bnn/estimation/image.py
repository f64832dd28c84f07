"""A shared library as it lies in a file: what is loaded where, and which places of it receive addresses.

Only what compiled kernels have is understood: segments, and relocations against a base or a symbol. Start-up code is
not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from tvm_bnn.estimation.core import Architecture

# ELF for the Arm 64-bit Architecture and System V ABI AMD64: address of a symbol (64, GLOB_DAT, JUMP_SLOT), of a base.
_OF_SYMBOL = {"aarch64": {257, 1025, 1026}, "x86-64": {1, 6, 7}}
_OF_BASE = {"aarch64": 1027, "x86-64": 8}
_MACHINES: dict[str, Architecture] = {"EM_AARCH64": "aarch64", "EM_X86_64": "x86-64"}
_EXECUTABLE = 1


@dataclass(frozen=True)
class Segment:
    """Bytes that are loaded at an address, relative to the base, and how much memory they take, zeros behind them."""

    address: int
    data: bytes
    size: int
    executable: bool


@dataclass(frozen=True)
class Patch:
    """A place of 8 bytes that receives an address: of a symbol of another library, or of a place in this one."""

    address: int
    symbol: str | None
    addend: int
    optional: bool = False
    """Whether the symbol may be missing."""


@dataclass(frozen=True)
class Image:
    """A library; all addresses are relative to its base.

    Attributes:
        architecture: its instruction set.
        segments: what is loaded.
        symbols: addresses of what it defines.
        patches: places that receive addresses.
    """

    architecture: Architecture
    segments: tuple[Segment, ...]
    symbols: dict[str, int]
    patches: tuple[Patch, ...]

    @property
    def code(self) -> tuple[int, int]:
        """First address of the executable segments, and the one behind the last."""
        segments = [segment for segment in self.segments if segment.executable]
        return min(s.address for s in segments), max(s.address + s.size for s in segments)


def load_image(library: bytes | Path) -> Image:
    """Read a shared library.

    Raises:
        ValueError: it is none, of another architecture, or has relocations that compiled kernels have not.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    data = library if isinstance(library, bytes) else library.read_bytes()
    try:
        file = ELFFile(BytesIO(data))
    except ELFError as error:
        raise ValueError(f"expected a shared library, got something else: {error}") from error
    machine: str = file["e_machine"]
    if machine not in _MACHINES:
        raise ValueError(f"expected a library for {' or '.join(_MACHINES.values())}, got {machine}")
    architecture = _MACHINES[machine]
    table: Any = file.get_section_by_name(".dynsym")
    symbols = {symbol.name: int(symbol["st_value"]) for symbol in table.iter_symbols() if _is_defined(symbol)}
    return Image(architecture, tuple(_segments(file)), symbols, tuple(_patches(file, table, architecture)))


def _is_defined(symbol: Any) -> bool:
    return bool(symbol.name) and symbol["st_shndx"] != "SHN_UNDEF"


def _segments(file: Any) -> Iterator[Segment]:
    for segment in file.iter_segments("PT_LOAD"):
        executable = bool(segment["p_flags"] & _EXECUTABLE)
        yield Segment(int(segment["p_vaddr"]), bytes(segment.data()), int(segment["p_memsz"]), executable)


def _patches(file: Any, table: Any, architecture: Architecture) -> Iterator[Patch]:
    from elftools.elf.relocation import RelocationSection

    for section in file.iter_sections():
        if not isinstance(section, RelocationSection):
            continue
        for entry in section.iter_relocations():
            place, kind, addend = int(entry["r_offset"]), int(entry["r_info_type"]), int(entry["r_addend"])
            if kind == _OF_BASE[architecture]:
                yield Patch(place, None, addend)
            elif kind in _OF_SYMBOL[architecture]:
                yield _of_symbol(place, table.get_symbol(entry["r_info_sym"]), addend)
            else:
                raise ValueError(f"expected a relocation against a symbol or the base, got type {kind} at {place:#x}")


def _of_symbol(place: int, symbol: Any, addend: int) -> Patch:
    if _is_defined(symbol):
        return Patch(place, None, int(symbol["st_value"]) + addend)
    return Patch(place, symbol.name, addend, optional=symbol["st_info"]["bind"] == "STB_WEAK")
