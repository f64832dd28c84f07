"""What the header and the sections of an ELF file tell: its instruction set, and how much of it is code."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from tvm_bnn.errors import UsageError

_MAGIC = b"\x7fELF"
_64_BIT, _LITTLE_ENDIAN = 2, 1
_ARCHITECTURES = {62: "x86_64", 183: "aarch64"}
_EXECUTABLE = 0x4
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True)
class Elf:
    """A 64-bit little-endian object.

    Attributes:
        architecture: such as `x86_64`.
        code: bytes of all sections that are executed.
    """

    architecture: str
    code: int


def read_elf(path: Path) -> Elf:
    """Read a library or a program; tool interface standard ELF, version 1.2, with the 64-bit layout.

    Raises:
        UsageError: not such a file, or of an unknown instruction set.
    """
    content = path.read_bytes()
    try:
        return _parsed(content)
    except (struct.error, ValueError, KeyError) as error:
        raise UsageError(
            f"expected a 64-bit ELF file for {' or '.join(_ARCHITECTURES.values())}, got another at '{path}'",
            "copy it again whole",
        ) from error


def _parsed(content: bytes) -> Elf:
    header = _HEADER.unpack_from(content)
    if header[0][:6] != _MAGIC + bytes((_64_BIT, _LITTLE_ENDIAN)):
        raise ValueError("not ELF")
    machine, place, size, count = header[2], header[6], header[11], header[12]
    sections = (_SECTION.unpack_from(content, place + size * number) for number in range(count))
    return Elf(_ARCHITECTURES[machine], sum(section[5] for section in sections if section[2] & _EXECUTABLE))
