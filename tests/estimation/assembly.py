"""A few AArch64 instructions as machine code, for loops whose cycles follow from arithmetic."""

from collections.abc import Iterable


def block(*words: int) -> bytes:
    """Instructions one after the other."""
    return b"".join(word.to_bytes(4, "little") for word in words)


def _three(base: int, d: int, n: int, m: int) -> int:
    return base | m << 16 | n << 5 | d


def eor(d: int, n: int, m: int) -> int:
    return _three(0x6E201C00, d, n, m)


def add(d: int, n: int, m: int) -> int:
    return _three(0x4E208400, d, n, m)


def cnt(d: int, n: int) -> int:
    return 0x4E205800 | n << 5 | d


def uadalp(d: int, n: int) -> int:
    return 0x6E206800 | n << 5 | d


def mul_4s(d: int, n: int, m: int) -> int:
    return _three(0x4EA09C00, d, n, m)


def sshr_8h(d: int, n: int, shift: int) -> int:
    return 0x4F000400 | (32 - shift) << 16 | n << 5 | d


def sdot(d: int, n: int, m: int) -> int:
    return _three(0x4E809400, d, n, m)


def load_q(t: int, n: int, place: int = 0) -> int:
    return 0x3DC00000 | place << 10 | n << 5 | t


def load_all_lanes(t: int, n: int) -> int:
    return 0x4D40C800 | n << 5 | t


def load_x(t: int, n: int) -> int:
    return 0xF9400000 | n << 5 | t


def load_x_moving(t: int, n: int) -> int:
    return 0xF8408400 | n << 5 | t


def add_x(d: int, n: int, m: int) -> int:
    return _three(0x8B000000, d, n, m)


def divide(d: int, n: int, m: int) -> int:
    return _three(0x1AC00C00, d, n, m)


def again() -> tuple[int, int]:
    """Count down and branch to somewhere else."""
    return 0xF1000400, 0x54000001


def loop(*words: int) -> bytes:
    """Instructions, then the count down and a branch back to the first of them."""
    return block(*words, 0xF1000400, 0x54000001 | (-len(words) - 1 & 0x7FFFF) << 5)


AES = 0x4E284820
"""An instruction that no kernel of ours contains."""

NOTHING = 0xFFFFFFFF
"""No instruction at all."""


def products(pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each (activation, weight) register: exclusive or, count, sum, in accumulators of their own."""
    steps = [(eor(24, a, w), cnt(25, 24), add(number, number, 25)) for number, (a, w) in enumerate(pairs)]
    return [word for step in steps for word in step]
