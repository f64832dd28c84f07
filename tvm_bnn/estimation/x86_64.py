"""x86-64 instructions, by the disassembler's own account of what they read and write."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from tvm_bnn.estimation.decode import Instruction, Registers, bad, disassembler

_CLEARED = {"pxor", "xorps", "xorpd", "xor", "sub", "psubb", "psubw", "psubd", "psubq", "pcmpgtb", "pcmpgtw", "pcmpgtd"}
"""With twice the same register they give zero whatever it holds."""


_STACK = {"push", "pop", "call", "ret"}
"""They move the stack pointer by an adder of its own, and nothing waits for it."""


def instruction(piece: bytes) -> Instruction:
    """The instruction of these bytes."""
    found = next(_detailed().disasm(piece, 0), None)
    if found is None:
        return bad(piece)
    return _instruction(found)


def _instruction(found: Any) -> Instruction:
    operands = list(found.operands)
    read, written = found.regs_access()
    address = _names([part for one in operands if one.type == _Kinds.memory for part in (one.mem.base, one.mem.index)])
    same = _same_register(operands)
    reads = () if same and found.mnemonic in _CLEARED else _names(read)
    kinds = ",".join(_kind(found, one) for one in operands)
    form = f"{found.mnemonic} {kinds}{'=' if same else ''}".rstrip()
    hidden = (*address, "sp") if found.mnemonic in _STACK else address
    writes = _without(_names(written), ("sp",) if found.mnemonic in _STACK else ())
    return Instruction(found.mnemonic, found.op_str, form, _without(reads, hidden), address, writes)


def _without(registers: Registers, others: Registers) -> Registers:
    return tuple(register for register in registers if register not in others)


def _same_register(operands: list[Any]) -> bool:
    registers = [one.reg for one in operands if one.type == _Kinds.register]
    return len(registers) == len(operands) == 2 and registers[0] == registers[1]


class _Kinds:
    """Capstone's numbers for kinds of operands."""

    register, immediate, memory = 1, 2, 3


def _kind(found: Any, operand: Any) -> str:
    if operand.type == _Kinds.memory:
        return "m"
    if operand.type == _Kinds.immediate:
        return "i"
    return "v" if found.reg_name(operand.reg)[1:3] == "mm" else "r"


@functools.lru_cache
def _detailed() -> Any:
    import capstone

    disassembler("x86-64")
    detailed = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    detailed.detail = True
    return detailed


def _names(registers: Iterable[int]) -> Registers:
    """Whole registers, without the instruction pointer."""
    names = (_detailed().reg_name(register) for register in registers if register)
    return tuple(dict.fromkeys(_whole(name) for name in names if name not in ("rip", "eip")))


def _whole(name: str) -> str:
    """The register that ``name`` is all or a part of, such as ``a`` of ``al``, ``r8`` of ``r8d``."""
    if "mm" in name:
        return name[1:]
    numbered = re.fullmatch(r"(r\d+)[bwd]?", name)
    if numbered:
        return numbered[1]
    old = re.fullmatch(r"[re]?([abcd])[xlh]|[re]?(si|di|bp|sp)l?", name)
    return (old[1] or old[2]) if old else name
