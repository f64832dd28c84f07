"""Checks of fields. What is wrong raises ValueError in one line: whose field, what was expected, what was given."""

from __future__ import annotations

from collections.abc import Sequence


def whole(kind: str, low: int, high: int | None = None, /, **fields: object) -> None:
    """Refuse fields that are no int of at least ``low`` and at most ``high``; a bool or a NumPy scalar is none."""
    limits = f"of at least {low}" if high is None else f"in {low}..{high}"
    for name, value in fields.items():
        if type(value) is not int or value < low or (high is not None and value > high):
            raise refused(kind, name, f"a whole number {limits}", value)


def positive(kind: str, /, **fields: object) -> None:
    """Refuse fields that are no int of at least 1."""
    whole(kind, 1, **fields)


def pair(kind: str, name: str, value: object, low: int) -> tuple[int, int]:
    """A field of one int of at least ``low`` per axis, as a tuple."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise refused(kind, name, "a pair of whole numbers", value)
    vertical, horizontal = value
    whole(kind, low, None, **{f"{name}[0]": vertical, f"{name}[1]": horizontal})
    return vertical, horizontal


def one_of(kind: str, choices: Sequence[object], /, **fields: object) -> None:
    """Refuse fields that are none of ``choices``, type included: 1 is not True."""
    for name, value in fields.items():
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise refused(kind, name, f"one of {', '.join(map(str, choices))}", value)


def flags(kind: str, /, **fields: object) -> None:
    """Refuse fields that are neither True nor False."""
    one_of(kind, (True, False), **fields)


def refused(kind: str, name: str, expected: str, value: object) -> ValueError:
    """The error for a field."""
    return ValueError(f"{kind}: expected {name} to be {expected}, got {value!r}")
