"""From the bytes of a block to instructions: their form, which registers they read and which they write.

A *form* is what a pipeline table knows an instruction by: the mnemonic and the kinds of the operands.

- AArch64: ``16b`` .. ``2d`` whole vectors, ``s[]`` a lane, ``{4s,4s}`` a list, ``b h s d q w x`` registers, ``#`` an
  immediate, ``lsl`` a shift or an extension of the operand before, ``?`` a condition; addresses are ``[#]`` with an
  immediate offset or none, ``[x]`` with a register, ``[#]!`` written back before and ``[#]+`` after.
- x86-64: ``v`` vector registers, ``r`` others, ``m`` memory, ``i`` immediates; ``=`` at the end where all operands are
  the same register.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tvm_bnn.estimation import require_packages
from tvm_bnn.estimation.core import Architecture

Registers = tuple[str, ...]
"""Names of whole registers: a part stands for all of it."""


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        mnemonic: its name.
        operands: as text.
        form: what a pipeline table knows it by.
        reads: registers that it needs, apart from those below.
        address: registers that an address is made of.
        writes: registers that receive its result.
        accumulator: the register that it adds to, if it is such an instruction.
        written_back: the register whose address it moves on.
    """

    mnemonic: str
    operands: str
    form: str
    reads: Registers
    address: Registers
    writes: Registers
    accumulator: str | None = None
    written_back: str | None = None

    def __str__(self) -> str:
        return f"{self.mnemonic} {self.operands}".rstrip()


def decode(code: bytes, architecture: Architecture) -> list[Instruction]:
    """The instructions of a block in order; what is no instruction becomes one of the form ``(bad)``.

    Raises:
        ToolchainError: no disassembler.
    """
    from tvm_bnn.estimation import aarch64, x86_64

    read = {"aarch64": aarch64.instruction, "x86-64": x86_64.instruction}[architecture]
    return [_known(read, piece) for piece in pieces(code, architecture)]


@functools.lru_cache(maxsize=2**18)
def _known(read: Callable[[bytes], Instruction], piece: bytes) -> Instruction:
    return read(piece)


def bad(piece: bytes) -> Instruction:
    """What stands for bytes that are no instruction."""
    return Instruction("(bad)", piece.hex(), "(bad)", (), (), ())


def pieces(code: bytes, architecture: Architecture) -> Iterator[bytes]:
    """The bytes of one instruction after the other."""
    if architecture == "aarch64":
        yield from (code[place : place + 4] for place in range(0, len(code), 4))
        return
    place = 0
    for _, size, _, _ in disassembler(architecture).disasm_lite(code, 0):
        yield code[place : place + size]
        place += size
    if place < len(code):
        yield code[place:]


@functools.lru_cache
def disassembler(architecture: Architecture) -> Any:
    """Capstone for an architecture.

    Raises:
        ToolchainError: it is not installed.
    """
    require_packages()
    import capstone

    if architecture == "aarch64":
        return capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
