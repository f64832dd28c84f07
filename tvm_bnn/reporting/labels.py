"""Numbers and shapes as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tvm_bnn.ops.base import Described

_PREFIXES = ("", "k", "M", "G", "T")


def shape_label(operator: Described) -> str:
    """The operator's label without its kind, such as ``3x3 64->64 96x312``."""
    return operator.label().removeprefix(operator.kind).strip()


def count(number: float) -> str:
    """A count with three digits: ``1.1G``, ``512``."""
    digits, prefix = _scaled(number)
    return digits + prefix


def size(number: int) -> str:
    """A number of bytes: ``3.8 MB``; a kB is 1000 bytes."""
    digits, prefix = _scaled(number)
    return f"{digits} {prefix}B"


def _scaled(number: float) -> tuple[str, str]:
    """Three digits and the prefix of their unit."""
    for prefix in _PREFIXES[:-1]:
        # What would be rounded up to 1000 belongs to the next prefix.
        if number < 999.5:
            return f"{number:.3g}", prefix
        number /= 1000
    return (f"{number:.3g}" if number < 999.5 else f"{number:.0f}"), _PREFIXES[-1]


def percent(share: float) -> str:
    """A share 0..1 as ``12.3%``."""
    return f"{100 * share:.1f}%"
