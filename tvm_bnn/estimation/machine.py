"""An emulated computer that runs compiled kernels and counts what it executes, exactly.

There is no operating system: a library is laid into memory, what it imports is served from outside
(:mod:`tvm_bnn.estimation.services`), and kernels run on one thread.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tvm_bnn.estimation import require_packages
from tvm_bnn.estimation.arena import PAGE, Arena
from tvm_bnn.estimation.blocks import Block, blocks_of
from tvm_bnn.estimation.core import Architecture
from tvm_bnn.estimation.counter import RunCounter
from tvm_bnn.estimation.image import Image, Patch, load_image
from tvm_bnn.estimation.processor import emulator, processor_for
from tvm_bnn.estimation.services import ServiceError, Services

Array = NDArray[Any]

_BASE = 0x1000_0000
_STACK = 0x7800_0000
_STACK_BYTES = 1 << 20
_ENTRY = "__tvm_ffi_"
_CONTEXT = "__TVM"
"""Variables of a library that TVM fills with its own functions; their names follow."""

_TYPE_CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
"""DLPack's, by NumPy's."""

_TENSOR_POINTER = 7
"""TVM FFI's type index of a DLTensor."""


@dataclass(frozen=True)
class Stop:
    """Ends a call early.

    Attributes:
        argument: number of the argument that is watched.
        seen: bytes of it, whole pages, that the kernel may use; it is stopped when it first touches the rest.
    """

    argument: int
    seen: int


class EmulationError(RuntimeError):
    """A kernel that cannot be run to its end; one line."""


@dataclass(frozen=True)
class Execution:
    """What one call executed.

    Attributes:
        blocks: executions of every straight piece of the library's code.
        copied_bytes: by functions of the C library that copy or fill memory; they are in no block.
        copies: calls of these functions.
    """

    blocks: Mapping[Block, int]
    copied_bytes: int
    copies: int


class Machine:
    """One processor with a library in its memory.

    Args:
        library: shared library, as bytes or as a file.
        architecture: instruction set that it is for.
        extensions: what it may use beyond the common part, as Linux spells it, such as ``asimddp``.

    Raises:
        ToolchainError: packages are missing.
        ValueError: the library is for another instruction set, or is none.
    """

    def __init__(self, library: bytes | Path, architecture: Architecture, extensions: Set[str] = frozenset()) -> None:
        require_packages()
        image = load_image(library)
        if image.architecture != architecture:
            raise ValueError(f"expected a library for {architecture}, got one for {image.architecture}")
        self._image = image
        self._processor = processor_for(architecture, extensions)
        self._engine = self._processor.engine
        self._arena = Arena(self._engine)
        self._services = Services(self._processor, self._arena)
        self._fault, self._unseen, self._stopped = "", range(0), False
        _load(self._engine, image, self._services)
        self._engine.mem_map(_STACK, _STACK_BYTES)
        start, end = image.code
        self._counter = RunCounter(self._engine, _BASE + start, _BASE + end)
        self._engine.hook_add(emulator().UC_HOOK_MEM_INVALID, self._note_fault)

    def run(self, symbol: str, arrays: Sequence[Array], seconds: float = 60, stop: Stop | None = None) -> Execution:
        """Call a kernel.

        Args:
            symbol: its name.
            arrays: arguments, contiguous; what the kernel writes is written back to them.
            seconds: after so many it is given up.
            stop: where to end before the kernel does.

        Raises:
            EmulationError: there is no such kernel, it refuses its arguments, reaches beyond its memory, executes what
                the processor does not have, calls what is not served, or does not end, or not where it should.
        """
        entry = self._image.symbols.get(_ENTRY + symbol)
        if entry is None:
            raise EmulationError(f"expected a kernel '{symbol}' in the library, got none")
        self._counter.clear()
        self._services.reset()
        self._fault, self._unseen, self._stopped = "", range(0), False
        try:
            places = [self._arena.put(a.tobytes(), _named(n), _seen(n, stop)) for n, a in enumerate(arrays)]
            if stop is not None:
                place = places[stop.argument]
                self._unseen = range(place + stop.seen, place + arrays[stop.argument].nbytes)
            self._call(_BASE + entry, places, arrays, seconds)
            for number, (place, array) in enumerate(zip(places, arrays, strict=True)):
                if array.flags.writeable:
                    self._arena.read(place, array, _seen(number, stop))
        finally:
            self._arena.clear()
        blocks = blocks_of(self._counter.runs(), self._code_at, self._processor.ends_block)
        return Execution(blocks, self._services.copied_bytes, self._services.copies)

    def _code_at(self, address: int, size: int) -> bytes:
        return bytes(self._engine.mem_read(address, size))

    def _note_fault(self, _engine: Any, access: int, address: int, size: int, _value: int, _data: Any) -> bool:
        self._stopped = address in self._unseen
        unicorn = emulator()
        writes = access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT)
        verb = "writes" if writes else "reads"
        self._fault = f"{verb} {size} bytes at {self._arena.near(address)}"
        return False

    def _call(self, entry: int, places: Sequence[int], arrays: Sequence[Array], seconds: float) -> None:
        """By TVM FFI's convention: (handle, arguments, how many, result) to an error code."""
        tensors = [self._tensor(place, array) for place, array in zip(places, arrays, strict=True)]
        packed = b"".join(struct.pack("<iIQ", _TENSOR_POINTER, 0, tensor) for tensor in tensors)
        arguments, result = self._arena.put(packed, "the arguments"), self._arena.put(bytes(16), "the result")
        for register, value in zip(self._processor.arguments, (0, arguments, len(arrays), result), strict=False):
            self._engine.reg_write(register, value)
        self._set_return()
        self._emulate(entry, seconds)
        if self._stopped:
            return
        if self._unseen:
            raise EmulationError("the kernel ended before it was stopped")
        if self._engine.reg_read(self._processor.result) & 0xFFFFFFFF:
            raise EmulationError(self._services.complaint or "the kernel failed and did not say why")

    def _tensor(self, place: int, array: Array) -> int:
        """Address of a DLTensor; a contiguous one needs no strides."""
        shape = self._arena.put(struct.pack(f"<{array.ndim}q", *array.shape), "a shape")
        cpu, code, bits = 1, _TYPE_CODES[array.dtype.kind], 8 * array.itemsize
        data = struct.pack("<QiiiBBHQQQ", place, cpu, 0, array.ndim, code, bits, 1, shape, 0, 0)
        return self._arena.put(data, "a tensor")

    def _set_return(self) -> None:
        home, stack = self._services.home, _STACK + _STACK_BYTES - PAGE
        if self._processor.link is None:
            # A call leaves the return address at the top of the stack, 8 bytes off its alignment.
            stack -= 8
            self._engine.mem_write(stack, struct.pack("<Q", home))
        else:
            self._engine.reg_write(self._processor.link, home)
        self._engine.reg_write(self._processor.stack, stack)

    def _emulate(self, entry: int, seconds: float) -> None:
        home = self._services.home
        try:
            self._engine.emu_start(entry, home, timeout=int(seconds * 1e6))
        except ServiceError as error:
            raise EmulationError(str(error)) from error
        except emulator().UcError as error:
            if self._stopped:
                return
            place = self._engine.reg_read(self._processor.counter) - _BASE
            raise EmulationError(f"the kernel {self._fault or f'stops: {error}'}, at instruction {place:#x}") from error
        if self._engine.reg_read(self._processor.counter) != home:
            raise EmulationError(f"the kernel did not end within {seconds:g} s of emulation")


def _named(number: int) -> str:
    return f"argument {number}"


def _seen(number: int, stop: Stop | None) -> int | None:
    """Bytes of an argument that the kernel may use; None for all."""
    return stop.seen if stop is not None and stop.argument == number else None


def _load(engine: Any, image: Image, services: Services) -> None:
    """Lay a library into memory, its addresses filled in."""
    for segment in image.segments:
        start = (_BASE + segment.address) // PAGE * PAGE
        end = -(-(_BASE + segment.address + segment.size) // PAGE) * PAGE
        engine.mem_map(start, end - start)
        engine.mem_write(_BASE + segment.address, segment.data)
    for patch in image.patches:
        engine.mem_write(_BASE + patch.address, struct.pack("<Q", _resolved(patch, services)))
    for name, address in image.symbols.items():
        if name.startswith(_CONTEXT):
            function = services.address_of(name.removeprefix("__"))
            engine.mem_write(_BASE + address, struct.pack("<Q", function))


def _resolved(patch: Patch, services: Services) -> int:
    if patch.symbol is None:
        return _BASE + patch.addend
    return 0 if patch.optional else services.address_of(patch.symbol) + patch.addend
