"""Counts the runs of instructions that the emulator executes.

There are millions of runs, and a call into Python for each would take most of the time. So where the machine code of
this host is known, the function that the emulator calls is a few instructions that add to a table: of two words for
each address, the executions of the run that begins there and its size.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from typing import Any

import numpy as np

from tvm_bnn.estimation.blocks import Run
from tvm_bnn.estimation.processor import emulator
from tvm_bnn.targets.architecture import host_architecture

# void(engine, uint64 address, uint32 size, table): table[address] = {table[address][0] + 1, size}, in C's calling
# conventions of Linux.
_COUNT = {
    # lea rax, [rsi + rsi]; inc qword [rcx + 8 rax]; mov [rcx + 8 rax + 8], edx; ret
    "x86_64": "488d0436 48ff04c1 8954c108 c3",
    # add x4, x3, x1, lsl 4; ldr x5, [x4]; add x5, x5, 1; str x5, [x4]; str w2, [x4, 8]; ret
    "aarch64": "6410018b 850040f9 a5040091 850000f9 820800b9 c0035fd6",
}
_WORDS = 2
_ENTRY_BYTES = 8 * _WORDS


class RunCounter:
    """Counts runs that begin at an address from ``start`` up to ``end``.

    Args:
        engine: Unicorn's.
        start: first address.
        end: the address behind the last.
    """

    def __init__(self, engine: Any, start: int, end: int) -> None:
        self._start = start
        self._table = np.zeros((end - start, _WORDS), np.int64)
        function = native_counter(host_architecture())
        if function is None:
            self._watch(engine, end)
        else:
            self._watch_natively(engine, end, function)

    def _watch(self, engine: Any, end: int) -> None:
        table, start = self._table, self._start

        def count(_engine: Any, address: int, size: int, _data: Any) -> None:
            entry = table[address - start]
            entry[0] += 1
            entry[1] = size

        engine.hook_add(emulator().UC_HOOK_BLOCK, count, None, start, end - 1)

    def _watch_natively(self, engine: Any, end: int, function: int) -> None:
        from unicorn.unicorn_py3.unicorn import uclib

        unicorn = emulator()
        # As if the table began at address 0.
        table = (self._table.ctypes.data - _ENTRY_BYTES * self._start) % 2**64
        handle = ctypes.c_size_t()
        # The Python binding would call Python; the library below it takes any function.
        status = uclib.uc_hook_add(
            engine._uch,
            ctypes.byref(handle),
            unicorn.UC_HOOK_BLOCK,
            ctypes.c_void_p(function),
            ctypes.c_void_p(table),
            ctypes.c_uint64(self._start),
            ctypes.c_uint64(end - 1),
        )
        if status != unicorn.UC_ERR_OK:
            raise unicorn.UcError(status)

    def clear(self) -> None:
        """Begin anew."""
        self._table[self._places()] = 0

    def runs(self) -> dict[Run, int]:
        """Executions by address and size in bytes."""
        return {
            (self._start + int(place), int(self._table[place, 1])): int(self._table[place, 0])
            for place in self._places()
        }

    def _places(self) -> Any:
        return np.flatnonzero(self._table[:, 0])


@functools.lru_cache
def native_counter(architecture: str) -> int | None:
    """Address of the counting function; None where its machine code is not known, or memory may not hold code."""
    if architecture not in _COUNT or not hasattr(mmap, "PROT_EXEC"):
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    page.write(bytes.fromhex(_COUNT[architecture]))
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    _PAGES.append(page)
    return address


_PAGES: list[mmap.mmap] = []
"""Memory that holds code, kept for as long as the process runs."""
