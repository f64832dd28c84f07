"""What compiled kernels call: TVM's runtime and the C library, served from outside the emulated machine.

Each function is a place that returns at once; when the machine comes by, its work has been done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm_bnn.estimation.arena import PAGE, Arena
from tvm_bnn.estimation.processor import Processor, emulator

_ADDRESS = 0x7000_0000
_SLOT = 16
"""Bytes from one function to the next."""

_LAUNCH = "TVMBackendParallelLaunch"
_WORD = 8


class ServiceError(RuntimeError):
    """A kernel calls a function that is not known here, or one with memory that is not there."""


class Services:
    """Functions that a library imports, by name.

    Args:
        processor: with the memory of the library.
        arena: where scratch memory comes from.

    Attributes:
        copied_bytes: by ``memcpy``, ``memmove`` and ``memset``.
        copies: calls of these.
        complaint: what TVM's checks have said.
    """

    def __init__(self, processor: Processor, arena: Arena) -> None:
        self._processor = processor
        self._engine = processor.engine
        self._arena = arena
        self._names: list[str] = []
        self._task = 0
        self.reset()
        self._engine.mem_map(_ADDRESS, PAGE)
        self.home = self._slot("home", processor.back)
        self._engine.hook_add(emulator().UC_HOOK_CODE, self._serve, None, _ADDRESS, _ADDRESS + PAGE - 1)

    def reset(self) -> None:
        """Forget what was counted and said."""
        self.copied_bytes = 0
        self.copies = 0
        self.complaint = ""

    def address_of(self, name: str) -> int:
        """Where a function is called; one that is not known fails when it is."""
        if name in self._names:
            return _ADDRESS + _SLOT * self._names.index(name)
        return self._slot(name, self._processor.jump if name == _LAUNCH else self._processor.back)

    def _slot(self, name: str, code: bytes) -> int:
        address = _ADDRESS + _SLOT * len(self._names)
        if address + _SLOT > _ADDRESS + PAGE:
            raise ServiceError(f"expected at most {PAGE // _SLOT} imported functions, got more")
        self._names.append(name)
        self._engine.mem_write(address, code)
        return address

    def _serve(self, _engine: Any, address: int, _size: int, _data: Any) -> None:
        name = self._names[(address - _ADDRESS) // _SLOT]
        if name == "home":
            return
        if name not in _SERVED:
            raise ServiceError(f"the kernel calls '{name}', which the emulator does not serve")
        try:
            result = _SERVED[name](self)
        except emulator().UcError as error:
            raise ServiceError(f"the kernel calls '{name}' with memory that it does not have") from error
        if result is not None:
            self._engine.reg_write(self._processor.result, result)

    def _argument(self, number: int) -> int:
        return int(self._engine.reg_read(self._processor.arguments[number]))

    def _text(self, address: int) -> str:
        if not address:
            return ""
        text = bytearray()
        while (byte := self._engine.mem_read(address + len(text), 1)) != b"\0":
            text += byte
        return text.decode(errors="replace")

    def _allocate(self) -> int:
        """(device type, device id, bytes, type code, bits): address."""
        return self._arena.borrow(self._argument(2))

    def _free(self) -> int:
        """(device type, device id, address): 0."""
        self._arena.give_back(self._argument(2))
        return 0

    def _launch(self) -> None:
        """(function, data, tasks): its result. One thread does it all, so it is task 0 of 1."""
        function, data = self._argument(0), self._argument(1)
        # struct { void* sync_handle; int32_t num_task; }
        environment = self._arena.put(bytes(_WORD) + (1).to_bytes(_WORD, "little"), "the tasks' environment")
        for number, value in enumerate((0, environment, data)):
            self._engine.reg_write(self._processor.arguments[number], value)
        self._engine.reg_write(self._processor.scratch, function)

    def _barrier(self) -> int:
        """(task, environment): 0."""
        return 0

    def _copy(self) -> int:
        """(to, from, bytes): to. Places may overlap."""
        target, source, size = (self._argument(number) for number in range(3))
        self._engine.mem_write(target, bytes(self._engine.mem_read(source, size)))
        return self._copied(target, size)

    def _fill(self) -> int:
        """(to, byte, bytes): to."""
        target, byte, size = (self._argument(number) for number in range(3))
        self._engine.mem_write(target, bytes([byte & 0xFF]) * size)
        return self._copied(target, size)

    def _copied(self, target: int, size: int) -> int:
        self.copied_bytes += size
        self.copies += 1
        return target

    def _complain(self) -> None:
        """(kind, message)."""
        self.complaint = _line(f"{self._text(self._argument(0))}: {self._text(self._argument(1))}")

    def _complain_in_parts(self) -> None:
        """(kind, messages, how many)."""
        kind, parts, count = self._argument(0), self._argument(1), self._argument(2) & 0xFFFFFFFF
        table = bytes(self._engine.mem_read(parts, _WORD * count))
        places = [int.from_bytes(table[i : i + _WORD], "little") for i in range(0, len(table), _WORD)]
        self.complaint = _line(f"{self._text(kind)}: {''.join(map(self._text, places))}")


_SERVED: dict[str, Callable[[Services], int | None]] = {
    "TVMBackendAllocWorkspace": Services._allocate,
    "TVMBackendFreeWorkspace": Services._free,
    _LAUNCH: Services._launch,
    "TVMBackendParallelBarrier": Services._barrier,
    "TVMFFIErrorSetRaisedFromCStr": Services._complain,
    "TVMFFIErrorSetRaisedFromCStrParts": Services._complain_in_parts,
    "memcpy": Services._copy,
    "memmove": Services._copy,
    "memset": Services._fill,
}


def _line(text: str) -> str:
    return " ".join(text.split())
