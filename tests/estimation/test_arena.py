from typing import Any

import numpy as np
import pytest

from tvm_bnn.estimation.arena import PAGE, Arena
from tvm_bnn.estimation.processor import emulator, processor_for


@pytest.fixture
def engine() -> Any:
    return processor_for("aarch64", frozenset()).engine


@pytest.mark.parametrize("size", [1, 63, 64, 4000, PAGE, PAGE + 1])
def test_a_piece_ends_before_a_gap(engine: Any, size: int) -> None:
    arena = Arena(engine)
    data = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    address = arena.put(data.tobytes(), "some")
    found = np.zeros(size, np.uint8)
    arena.read(address, found)
    np.testing.assert_array_equal(found, data)
    assert address % 64 == 0
    with pytest.raises(emulator().UcError):
        engine.mem_read(address + size + 63, 1)


def test_a_piece_that_is_seen_in_part(engine: Any) -> None:
    arena = Arena(engine)
    address = arena.put(bytes(range(256)) * 32, "some", seen=PAGE)
    found = np.zeros(8192, np.uint8)
    arena.read(address, found, PAGE)
    assert found[PAGE - 1] == 255
    assert not found[PAGE:].any()
    with pytest.raises(emulator().UcError):
        engine.mem_read(address + PAGE, 1)
    with pytest.raises(ValueError, match="expected whole pages"):
        arena.put(bytes(8192), "other", seen=100)


def test_scratch_memory_comes_back(engine: Any) -> None:
    arena = Arena(engine)
    first, second = arena.borrow(100), arena.borrow(100)
    assert first != second
    arena.give_back(first)
    assert arena.borrow(50) != first
    assert arena.borrow(100) == first
    with pytest.raises(ValueError, match="never handed out"):
        arena.give_back(first + 8)


def test_places_have_names(engine: Any) -> None:
    arena = Arena(engine)
    assert arena.near(16) == "address 0x10"
    address = arena.put(bytes(100), "argument 0")
    assert arena.near(address + 120) == "byte 120 of argument 0, which has 100"


def test_a_cleared_arena_begins_anew(engine: Any) -> None:
    arena = Arena(engine)
    first = arena.put(bytes(100), "some")
    arena.clear()
    assert arena.put(bytes(100), "other") == first
