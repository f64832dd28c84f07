"""Files that were damaged: cut off anywhere, with bytes flipped, deleted, repeated or moved, or JSON that says else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

_MOST_CHANGES = 4
_USUAL_SPAN = 20
_LONG_SPAN_ONE_IN = 10


def truncations(whole: bytes, last: int) -> Iterator[bytes]:
    """Every beginning that lacks at most ``last`` bytes."""
    for length in range(max(0, len(whole) - last), len(whole)):
        yield whole[:length]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """``data`` after a few random changes."""
    for _ in range(rng.integers(1, _MOST_CHANGES + 1)):
        data = _CHANGES[rng.integers(len(_CHANGES))](data, rng)
    return data


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Somewhere, mostly short."""
    start = int(rng.integers(len(data) + 1))
    long = rng.integers(_LONG_SPAN_ONE_IN) == 0
    length = int(rng.integers(len(data) + 1) if long else rng.exponential(_USUAL_SPAN)) + 1
    return start, min(len(data), start + length)


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    if not data:
        return data
    changed, place = bytearray(data), rng.integers(len(data))
    changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _digit(data: bytes, rng: np.random.Generator) -> bytes:
    """Another digit in place of one: what most likely still reads well and means something else."""
    places = [place for place, byte in enumerate(data) if 48 <= byte < 58]
    if not places:
        return data
    changed = bytearray(data)
    changed[places[rng.integers(len(places))]] = 48 + int(rng.integers(10))
    return bytes(changed)


def _delete(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:]


def _splice(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    place = int(rng.integers(len(data) + 1))
    return data[:place] + data[start:end] + data[place:]


def _swap_words(data: bytes, rng: np.random.Generator) -> bytes:
    """One of what stands between commas in place of another."""
    words = data.split(b",")
    taken, given = rng.integers(len(words), size=2)
    words[taken] = words[given]
    return b",".join(words)


def _noise(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + rng.bytes(end - start) + data[end:]


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


_CHANGES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    *(_flip, _digit, _delete, _repeat, _splice, _swap_words, _noise, _cut),
)

_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "0", "x" * 10_000, "\0", "../../x", "\ud800", [], {}, [[]], [0] * 1000, {"": None}),
)


def mutated_json(data: bytes, rng: np.random.Generator) -> bytes:
    """JSON that is well-formed still, with a few of its values left out or replaced by what nobody expects."""
    document = json.loads(data)
    for _ in range(rng.integers(1, _MOST_CHANGES + 1)):
        places = list(_places(document))
        if places:
            _change(*places[rng.integers(len(places))], rng)
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key or index) below a value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(inner)


def _change(container: Any, key: Any, rng: np.random.Generator) -> None:
    if rng.integers(4) == 0:
        del container[key]
    elif isinstance(container[key], int) and rng.integers(2):
        container[key] += int(rng.integers(-3, 4))
    else:
        container[key] = copy.deepcopy(_ODD_VALUES[rng.integers(len(_ODD_VALUES))])
