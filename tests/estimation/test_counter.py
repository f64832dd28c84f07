import ctypes
import struct

import pytest
from unicorn import arm64_const as arm

from tests.estimation.faulty import arguments, doubled, machine
from tvm_bnn.estimation import counter
from tvm_bnn.estimation.counter import native_counter
from tvm_bnn.estimation.processor import processor_for
from tvm_bnn.targets.architecture import host_architecture


def test_with_and_without_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    native = machine(doubled).run("main", arguments())
    monkeypatch.setattr(counter, "native_counter", lambda _architecture: None)
    assert machine(doubled).run("main", arguments()) == native


def test_an_unknown_host_has_no_machine_code() -> None:
    assert native_counter("riscv64") is None


@pytest.mark.skipif(native_counter(host_architecture()) is None, reason="needs machine code for this host")
def test_the_machine_code_of_this_host() -> None:
    address = native_counter(host_architecture())
    assert address is not None
    count = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)(address)
    table = (ctypes.c_int64 * 8)()
    for place, size in ((2, 40), (0, 12), (2, 40)):
        count(None, place, size, ctypes.addressof(table))
    assert list(table) == [1, 12, 0, 0, 2, 40, 0, 0]


def test_the_machine_code_of_an_arm_host() -> None:
    """By the emulator itself."""
    engine, code, table = processor_for("aarch64", frozenset()).engine, 0x1000, 0x2000
    engine.mem_map(code, 0x2000)
    engine.mem_write(code, bytes.fromhex(counter._COUNT["aarch64"]))
    # The bits above those of the size belong to nobody.
    for register, value in (
        (arm.UC_ARM64_REG_X1, 3),
        (arm.UC_ARM64_REG_X2, 7 << 40 | 20),
        (arm.UC_ARM64_REG_X3, table),
    ):
        engine.reg_write(register, value)
    for _ in range(2):
        engine.reg_write(arm.UC_ARM64_REG_LR, 0x1800)
        engine.emu_start(code, 0x1800)
    assert struct.unpack("<8q", engine.mem_read(table, 64)) == (0, 0, 0, 0, 0, 0, 2, 20)
