"""A network's code as people read it.

TVM's C generator knows neither the population count nor vector instructions, which most kernels are made of, so C is
not to be had; LLVM's own language is, and assembly.
"""

from __future__ import annotations

import re
from typing import Any

SOURCE = "source"
"""The folder in a bundle."""

_ENDINGS = ("ll", "s")
# TVM names what may overlap in memory by where it was itself in memory.
_ADDRESS = re.compile(r'(?<=!")0x[0-9a-f]+')


def readable_sources(executable: Any) -> dict[str, bytes]:
    """Files by their names in a bundle: the same code once in each language.

    Args:
        executable: what TVM compiled.
    """
    modules = [module for module in executable.mod.imports if module.kind == "llvm"]
    return {
        f"{SOURCE}/model.{ending}": _repeatable("\n".join(str(module.inspect_source(ending)) for module in modules))
        for ending in _ENDINGS
    }


def _repeatable(text: str) -> bytes:
    """The same text whenever it is made: addresses become numbers in the order of appearance."""
    numbers: dict[str, int] = {}
    return _ADDRESS.sub(lambda found: f"object{numbers.setdefault(found[0], len(numbers))}", text).encode()
