"""What a probe was compiled to."""

import re

from tvm_bnn._tvm import build
from tvm_bnn.profiling.peaks.probe import Probe
from tvm_bnn.targets import load

_LABEL = re.compile(r"^(\.LBB\w+):", re.MULTILINE)


def hot_loop(probe: Probe, target: str, instruction: str) -> list[str]:
    """Instructions of the basic block that holds most of one kind; it ends with a jump to its own beginning."""
    text = str(build(probe.function, load(target).tvm_target(1)).mod.inspect_source("asm"))
    pieces = _LABEL.split(text)
    blocks = list(zip(pieces[1::2], pieces[2::2], strict=True))
    label, block = max(blocks, key=lambda block: block[1].count(f"\t{instruction}\t"))
    lines = [line.strip() for line in block.splitlines()]
    code = [line for line in lines if line and not line.startswith((".", "#"))]
    end = next(i for i, line in enumerate(code) if re.match(r"j\w+\s", line))
    assert code[end].split()[1] == label, f"not a loop of one block: {code[end]}"
    return code[:end]


def count(block: list[str], instruction: str) -> int:
    """How many instructions of a block are of that kind."""
    return sum(line.split()[0] == instruction for line in block)


def touches_memory(block: list[str]) -> bool:
    return any("(%" in line for line in block)
