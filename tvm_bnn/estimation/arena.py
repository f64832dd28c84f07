"""Memory of an emulated process: pieces with gaps between them, so that what reaches too far is caught."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = 4096
_START = 1 << 32
_GAP = 1 << 20
_ALIGNMENT = 64
"""Of tensors, as TVM promises it to its kernels."""

_GARBAGE = 85
"""In memory that nobody has written to."""


class Arena:
    """Hands out memory of an emulator.

    Args:
        engine: Unicorn's.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._mapped: dict[int, int] = {}
        self._forget()

    def _forget(self) -> None:
        self._next = _START
        self._mapped.clear()
        self._named: list[tuple[int, int, str]] = []
        self._spare: dict[int, list[int]] = {}
        self._sizes: dict[int, int] = {}

    def put(self, data: bytes, name: str, seen: int | None = None) -> int:
        """Address of a copy of ``data``, aligned.

        It ends where a gap begins, or less than an alignment before. If only the first ``seen`` bytes are to be there,
        which must be whole pages, the gap begins behind these.
        """
        pages = -(-max(len(data), 1) // PAGE) * PAGE
        there = pages if seen is None else seen
        if there % PAGE or not 0 < there <= pages:
            raise ValueError(f"expected whole pages of {len(data)} bytes, got {seen}")
        base, self._next = self._next, self._next + pages + _GAP
        self._engine.mem_map(base, there)
        self._mapped[base] = there
        address = base + (pages - len(data)) // _ALIGNMENT * _ALIGNMENT if seen is None else base
        self._engine.mem_write(address, data[:seen])
        self._named.append((address, len(data), name))
        return address

    def borrow(self, size: int) -> int:
        """Address of scratch memory; what :meth:`give_back` was told of comes first."""
        spare = self._spare.setdefault(size, [])
        if spare:
            return spare.pop()
        address = self.put(bytes([_GARBAGE]) * size, "scratch memory")
        self._sizes[address] = size
        return address

    def give_back(self, address: int) -> None:
        """Let others borrow it.

        Raises:
            ValueError: nobody has borrowed it.
        """
        if address not in self._sizes:
            raise ValueError(f"memory at {address:#x} was never handed out")
        self._spare[self._sizes[address]].append(address)

    def read(self, address: int, into: NDArray[Any], seen: int | None = None) -> None:
        """Copy what is at an address to a contiguous array, or only to its first ``seen`` bytes."""
        size = into.nbytes if seen is None else seen
        into.reshape(-1).view(np.uint8)[:size] = np.frombuffer(self._engine.mem_read(address, size), np.uint8)

    def near(self, address: int) -> str:
        """Which piece an address outside of all of them is behind, and how far."""
        before = [piece for piece in self._named if piece[0] <= address]
        if not before:
            return f"address {address:#x}"
        start, size, name = before[-1]
        return f"byte {address - start} of {name}, which has {size}"

    def clear(self) -> None:
        """Take all memory back."""
        for base, size in self._mapped.items():
            self._engine.mem_unmap(base, size)
        self._forget()
