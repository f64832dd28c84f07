"""Numbers and shapes as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tvm_bnn.ops.base import Operator

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def shape_label(operator: Operator) -> str:
    """The operator's label without its kind, such as ``3x3 64->64 96x312``."""
    return operator.label().removeprefix(operator.kind).strip()


def count(number: float) -> str:
    """A count with three digits: ``1.1G``, ``512``."""
    for step, letter in _STEPS:
        if number >= step:
            return f"{number / step:.3g}{letter}" if number / step < 999.5 else f"{number / step:.0f}{letter}"
    return f"{number:.0f}"


def size(number: int) -> str:
    """A number of bytes: ``3.8 MB``; a kB is 1000 bytes."""
    return f"{count(number).removesuffix('k')} kB" if 1e3 <= number < 1e6 else _sized(number)


def _sized(number: int) -> str:
    text = count(number)
    return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"


def percent(share: float) -> str:
    """A share 0..1 as ``12.3%``."""
    return f"{100 * share:.1f}%"
