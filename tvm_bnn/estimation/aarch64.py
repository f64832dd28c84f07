"""AArch64 instructions from their text.

Which operand is written follows from the mnemonic: the first one unless it stores, compares or branches. Calls are
taken to read and write nothing but their link register: what they do is priced where they lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tvm_bnn.estimation.decode import Instruction, Registers, bad, disassembler

_STACK, _FLAGS, _LINK = "sp", "flags", "x30"

_OPERAND = re.compile(r"\{[^}]*\}(?:\[\d+\])?|\[[^\]]*\]!?|[^,\s][^,]*")
_GENERAL = re.compile(r"([wx])(\d+|zr)|w?sp")
_VECTOR = re.compile(r"([vqdshb])(\d+)(?:\.(\d*[bhsdq]))?(\[\d+\])?")
_MODIFIER = re.compile(r"(lsl|lsr|asr|ror|msl|[us]xt[bhwx])\b.*")
_CONDITIONS = re.compile("eq|ne|hs|cs|lo|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al|nv")

_NOTHING_WRITTEN = re.compile(
    r"st[urlpx0-9].*|cmp|cmn|tst|ccm[pn]|fc?cmpe?|b(\..*)?|blr?|br|ret|c?bn?z|tbn?z|prfu?m|nop|dmb|hint|brk"
)
_TWO_WRITTEN = re.compile(r"ldn?pw?|ldpsw|ldxp|ldaxp")
_LANES_LOADED = re.compile(r"ld[1-4]")
_ACCUMULATES = re.compile(
    r"ml[as]|[us]ml[as]l2?|fml[as]|[us]aba(l2?)?|[us]adalp|[us]r?sra|[us]dot|usdot|sqdml[as]l2?|sqrdml[as]h"
)
_OVERLAYS = re.compile(
    r"bsl|bit|bif|ins|tbx|movk|bfi|bfxil|bfm|s[lr]i|xtn2|(s|u)qxtu?n2|sqxtun2|r?shrn2|[us]qr?shru?n2|sqr?shrun2"
    r"|r?(add|sub)hn2|fcvtx?n2|(us|su)qadd"
)
_FLAGS_WRITTEN = re.compile(r"(add|sub|and|bic|adc|sbc|neg|ngc)s|cmp|cmn|tst|ccm[pn]|fc?cmpe?")
_FLAGS_READ = re.compile(r"b\..*|c(sel|set|setm|sinc|sinv|sneg|inc|inv|neg)|ccm[pn]|fcsel|fccmpe?|(adc|sbc|ngc)s?")


@dataclass(frozen=True)
class _Operand:
    kind: str
    registers: Registers

    @property
    def is_address(self) -> bool:
        return self.kind.startswith("[")


def instruction(word: bytes) -> Instruction:
    """The instruction of four bytes."""
    found = next(disassembler("aarch64").disasm_lite(word, 0), None)
    if found is None:
        return bad(word)
    _, _, mnemonic, text = found
    operands = [_operand(part.strip()) for part in _OPERAND.findall(text)]
    post = _is_post_index(operands)
    kinds = [operand.kind for operand in operands]
    if post:
        kinds[-2:] = ["[#]+"]
    form = f"{mnemonic} {','.join(kinds)}".rstrip()
    return _instruction(mnemonic, text, form, operands, post or form.endswith("!"))


def _instruction(mnemonic: str, text: str, form: str, operands: list[_Operand], moves: bool) -> Instruction:
    written = _written(mnemonic, operands)
    addresses = [operand for operand in operands if operand.is_address]
    writes = _registers(operands[:written])
    reads = _registers(operand for operand in operands[written:] if not operand.is_address)
    if _OVERLAYS.fullmatch(mnemonic) or _keeps_bits(mnemonic, [operand.kind for operand in operands]):
        reads = (*writes, *reads)
    address = _registers(addresses)
    return Instruction(
        mnemonic,
        text,
        form,
        reads + (_FLAGS,) * bool(_FLAGS_READ.fullmatch(mnemonic)) + (_LINK,) * (mnemonic == "ret"),
        address,
        writes + (_FLAGS,) * bool(_FLAGS_WRITTEN.fullmatch(mnemonic)) + (_LINK,) * (mnemonic in ("bl", "blr")),
        writes[0] if _ACCUMULATES.fullmatch(mnemonic) else None,
        address[0] if moves else None,
    )


def _registers(operands: Iterable[_Operand]) -> Registers:
    return tuple(register for operand in operands for register in operand.registers)


def _written(mnemonic: str, operands: list[_Operand]) -> int:
    """How many of the first operands are written."""
    if not operands or _NOTHING_WRITTEN.fullmatch(mnemonic):
        return 0
    return 2 if _TWO_WRITTEN.fullmatch(mnemonic) else 1


def _keeps_bits(mnemonic: str, kinds: list[str]) -> bool:
    """Lanes that are written singly, and immediates that are combined with what is there."""
    if mnemonic == "mov" or _LANES_LOADED.fullmatch(mnemonic):
        return kinds[0].endswith("[]")
    return mnemonic in ("orr", "bic") and kinds[0][0].isdigit() and kinds[1] == "#"


def _is_post_index(operands: list[_Operand]) -> bool:
    return any(operand.is_address for operand in operands[:-1])


def _operand(text: str) -> _Operand:
    if text.startswith("{"):
        return _list(text)
    if text.startswith("["):
        return _address(text)
    vector = _VECTOR.fullmatch(text)
    if vector:
        kind = vector[3] or vector[1]
        return _Operand(f"{kind}[]" if vector[4] else kind, (f"v{vector[2]}",))
    general = _GENERAL.fullmatch(text)
    if general:
        return _Operand(general[1] or "x", _general(general))
    if text.startswith("#"):
        return _Operand("#", ())
    modifier = _MODIFIER.fullmatch(text)
    if modifier:
        return _Operand(modifier[1], ())
    return _Operand("?" if _CONDITIONS.fullmatch(text) else text, ())


def _general(found: re.Match[str]) -> Registers:
    if found[2] is None:
        return (_STACK,)
    return () if found[2] == "zr" else (f"x{found[2]}",)


def _list(text: str) -> _Operand:
    body, _, lane = text.partition("}")
    members = [_operand(part.strip()) for part in body[1:].split(",")]
    kinds = ",".join(member.kind for member in members)
    registers = tuple(register for member in members for register in member.registers)
    return _Operand(f"{{{kinds}}}{'[]' if lane else ''}", registers)


def _address(text: str) -> _Operand:
    body, _, back = text[1:].partition("]")
    parts = [_operand(part.strip()) for part in body.split(",")]
    kind = "x" if len(parts) > 1 and parts[1].kind in ("x", "w") else "#"
    registers = tuple(register for part in parts for register in part.registers)
    return _Operand(f"[{kind}]{back}", registers)
