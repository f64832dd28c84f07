"""Code that the compiler makes of some operators for a board."""

import functools
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from elftools.elf.elffile import ELFFile

from tvm_bnn._tvm import build
from tvm_bnn.estimation.decode import decode
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Epilogue, Operator, PooledAttention, RealConv2d, Upsample2x
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import load

FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
OPERATORS: tuple[Operator, ...] = (
    Conv2d(1, 12, 40, 64, 64, epilogue=FULL),
    RealConv2d(1, 20, 24, 3, 16, stride=(2, 2), epilogue=Epilogue(outputs=("byte",))),
    Upsample2x(1, 6, 13, 64, epilogue=FULL),
    PooledAttention(1, 9, 12, 110, 64, 128, epilogue=FULL),
)


@functools.cache
def code(operator: Operator, target: str, lowering: int = 0) -> bytes:
    """Machine code of the default arrangement of one of the operator's lowerings."""
    hardware = load(target)
    row, setting = rows_for(operator, hardware)[lowering], Setting(operator, hardware, 1)
    function = row.space.scheduled(row.lowering.function(operator, hardware), setting, row.space.default(setting))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.o"
        build(function, hardware.tvm_target(1)).mod.write_to_file(str(path), "o")
        with path.open("rb") as opened:
            sections = [section.data() for section in ELFFile(opened).iter_sections() if section["sh_flags"] & 4]
    return b"".join(sections)


def straight(text: bytes, least: int) -> list[bytes]:
    """The pieces between branches that have so many instructions at least."""
    pieces, start = [], 0
    for place, instruction in enumerate(decode(text, "aarch64"), 1):
        if re.fullmatch(r"b(\..*)?|blr?|br|ret|[ct]bn?z", instruction.mnemonic):
            pieces.append(text[4 * start : 4 * place])
            start = place
    return [piece for piece in dict.fromkeys(pieces) if len(piece) >= 4 * least]
