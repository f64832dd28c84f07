import importlib.metadata
from typing import Any

import pytest

from tvm_bnn.remote.board import PROTOCOL
from tvm_bnn.remote.fitness import throttled, too_large, unfit
from tvm_bnn.targets import load

RPI4 = load("rpi4")


def facts(**changes: Any) -> dict[str, Any]:
    return {
        "protocol": PROTOCOL,
        "host": "pi",
        "machine": "aarch64",
        "bits": 64,
        "emulated": False,
        "features": ["fp", "asimd", "crc32", "cpuid"],
        "tvm": importlib.metadata.version("apache-tvm"),
        "tvm_ffi": importlib.metadata.version("apache-tvm-ffi"),
    } | changes


def test_a_board_as_it_should_be() -> None:
    assert unfit(facts(), RPI4, emulated=False) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": 99}, f"board pi: expected protocol {PROTOCOL} of its server, got 99"),
        ({"emulated": True}, "board pi: expected a board, got an emulated one, whose times are no latencies"),
        ({"bits": 32}, "board pi: expected a 64-bit system, got 32 bits"),
        ({"tvm": "0.26.0"}, "as on this host, got 0.26.0"),
        ({"tvm_ffi": "0.1.15"}, "as on this host, got 0.1.15"),
        ({"machine": "x86_64"}, "board pi: target rpi4 needs aarch64, got x86_64"),
        ({"features": ["fp", "crc32"]}, "board pi: target rpi4 needs asimd, got a CPU without"),
    ],
)
def test_boards_of_no_use(changes: dict[str, Any], message: str) -> None:
    problem = unfit(facts(**changes), RPI4, emulated=False)
    assert problem is not None
    assert message in problem[0]
    assert "\n" not in problem[0] + problem[1]


def test_an_emulated_board_where_one_is_wanted() -> None:
    assert unfit(facts(emulated=True), RPI4, emulated=True) is None


def flags(value: int | None) -> dict[str, Any]:
    return {"throttled": value}


@pytest.mark.parametrize(
    ("before", "after", "slowed"),
    [
        (None, None, ""),
        (0, 0, ""),
        (0x50000, 0x50000, ""),
        (0, 0x4, "throttling"),
        (0x2, 0, "a capped frequency"),
        (0, 0x10000, "under-voltage"),
        (0x50000, 0xD0008, "the soft limit of temperature"),
        (0, 0x50005, "under-voltage, throttling"),
    ],
)
def test_flags_that_count(before: int | None, after: int | None, slowed: str) -> None:
    """What happened since the start counts only where it happened during the measurement."""
    assert throttled(flags(before), flags(after)) == slowed


def test_memory() -> None:
    assert too_large(100, {"free_bytes": 100}, facts()) is None
    assert too_large(100, {"free_bytes": None}, facts()) is None
    problem = too_large(3_000_000, {"free_bytes": 2_000_000}, facts())
    assert problem is not None
    assert problem[0] == "board pi: expected 3 MB of free memory, got 2 MB"
