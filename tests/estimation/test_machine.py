from collections import Counter
from typing import Any

import numpy as np
import pytest
import unicorn

from tests.estimation import faulty
from tests.estimation.faulty import SIZE, arguments, doubled, library, machine
from tvm_bnn.estimation.estimate import machine_for
from tvm_bnn.estimation.machine import EmulationError, Machine, Stop
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import load
from tvm_bnn.tuning.inputs import sample_inputs

CONV = Conv2d(1, 5, 9, 64, 64, pad_value="zero", epilogue=Epilogue(outputs=("signs",)))


def test_results_are_written_back() -> None:
    x, y = arguments()
    machine(doubled).run("main", [x, y])
    np.testing.assert_array_equal(y, 2 * x)


def test_what_may_not_be_written_is_left_alone() -> None:
    x, y = arguments()
    x.flags.writeable = False
    machine(doubled).run("main", [x, y])
    np.testing.assert_array_equal(y, 2 * x)


def test_every_instruction_is_counted() -> None:
    emulated = machine(doubled)
    stepped: list[int] = []

    def step(_engine: Any, address: int, _size: int, _data: Any) -> None:
        stepped.append(address)

    start, end = emulated._image.code
    base = 0x1000_0000
    emulated._engine.hook_add(unicorn.UC_HOOK_CODE, step, None, base + start, base + end - 1)
    blocks = emulated.run("main", arguments()).blocks
    counted: Counter[int] = Counter()
    for block, count in blocks.items():
        counted.update(dict.fromkeys(range(block.address, block.address + len(block.code), 4), count))
    assert counted == Counter(stepped)


def test_runs_repeat() -> None:
    emulated = machine(doubled)
    first = emulated.run("main", arguments())
    assert emulated.run("main", arguments()) == first
    assert machine(doubled).run("main", arguments()) == first


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (faulty.beyond, r"the kernel reads \d+ bytes at byte \d+ of argument 0, which has 4000, at instruction 0x"),
        (faulty.copied_beyond, "calls 'memcpy' with memory that it does not have"),
        (faulty.unserved, "calls 'nobody', which the emulator does not serve"),
        (faulty.dotted, "the kernel stops"),
    ],
)
def test_a_kernel_that_goes_wrong(value: faulty.Value, message: str) -> None:
    emulated = machine(value)
    with pytest.raises(EmulationError, match=message):
        emulated.run("main", arguments())


def test_a_machine_survives_a_fault() -> None:
    emulated = machine(faulty.beyond)
    for _ in range(2):
        with pytest.raises(EmulationError, match="argument 0"):
            emulated.run("main", arguments())


def test_a_kernel_that_does_not_end() -> None:
    with pytest.raises(EmulationError, match=r"did not end within 0\.1 s"):
        machine(faulty.endless).run("main", arguments(), seconds=0.1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([np.zeros(SIZE, np.int32)], "Expected 2 arguments"),
        ([np.zeros(3, np.int32)] * 2, r"Invalid x\.shape\[0\]"),
        ([np.zeros(SIZE, np.float32)] * 2, r"Mismatched x\.dtype"),
    ],
)
def test_arguments_that_a_kernel_refuses(arrays: list[Any], message: str) -> None:
    with pytest.raises(EmulationError, match=message) as caught:
        machine(doubled).run("main", arrays)
    assert "\n" not in str(caught.value)


def test_no_such_kernel() -> None:
    with pytest.raises(EmulationError, match="expected a kernel 'other'"):
        machine(doubled).run("other", [])


def test_another_instruction_set() -> None:
    with pytest.raises(ValueError, match="expected a library for x86-64, got one for aarch64"):
        Machine(library(doubled), "x86-64")


def test_dot_products_where_the_board_has_them() -> None:
    x, y = arguments()
    x %= 100
    machine(faulty.dotted, "rpi5").run("main", [x, y])
    np.testing.assert_array_equal(y, x * x)


@pytest.mark.parametrize("threads", [1, 3])
def test_scratch_memory_and_parallel_loops(threads: int) -> None:
    """However many threads a kernel is compiled for, one does all of it."""
    from tvm_bnn._tvm import build

    target = load("rpi4")
    row, setting = rows_for(CONV, target)[-1], Setting(CONV, target, threads)
    function = row.space.scheduled(row.lowering.function(CONV, target), setting, row.space.default(setting))
    arrays = sample_inputs(CONV, 0)
    (expected,) = CONV.reference(*arrays)
    output = np.full_like(expected, 85)
    emulated = machine_for(build(function, target.tvm_target(threads)), target)
    emulated.run("main", [*row.lowering.pack_inputs(CONV, target, arrays), output])
    np.testing.assert_array_equal(output, expected)


def test_a_kernel_that_is_stopped() -> None:
    """Of 8192 numbers 1024 fill a page."""
    size = 8192
    emulated = Machine(library(doubled, size=size), "aarch64")
    x, y = arguments(size)
    executed = sum(emulated.run("main", [x, y]).blocks.values())
    y[:] = -1
    stopped = emulated.run("main", [x, y], stop=Stop(1, 4096))
    np.testing.assert_array_equal(y[:1024], 2 * x[:1024])
    assert (y[1024:] == -1).all()
    assert 0 < sum(stopped.blocks.values()) < executed / 4


def test_a_kernel_that_ends_before_it_is_stopped() -> None:
    x, y = arguments(8192)
    emulated = Machine(library(faulty.first, size=8192), "aarch64")
    with pytest.raises(EmulationError, match="ended before it was stopped"):
        emulated.run("main", [x, y], stop=Stop(0, 4096))
