import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.tuning.process import Process


def number(*_arguments: object) -> dict[str, Any]:
    return {"process": os.getpid(), "torch": sys.modules.get("torch")}


def echo(*arguments: object) -> dict[str, Any]:
    sys.stdout.write("heard\n")
    sys.stdout.flush()
    return {"arguments": arguments}


def hang() -> dict[str, Any]:
    time.sleep(600)
    raise AssertionError("woke up")


def hold_the_lock() -> dict[str, Any]:
    """As compiled code may: no other thread of the interpreter gets a turn."""
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    ctypes.PyDLL(None).sleep(600)
    raise AssertionError("woke up")


def nonsense() -> Any:
    return "no dictionary"


def die() -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("still alive")


def fail() -> dict[str, Any]:
    raise ValueError("nobody expects this")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with (tmp_path / "process.log").open("wb") as log:
        process = Process(log)
        yield process
        process.end()


def test_calls_go_to_the_same_process_which_has_no_torch(process: Process, tmp_path: Path) -> None:
    first = process.call(number, timeout=30)
    assert first["process"] != os.getpid()
    assert first == process.call(number, timeout=30) == {"process": first["process"], "torch": None}
    assert process.call(echo, 1, "two", timeout=30) == {"arguments": (1, "two")}
    assert (tmp_path / "process.log").read_text() == "heard\n"


def test_what_hangs_is_replaced(process: Process) -> None:
    first = process.call(number, timeout=30)
    with pytest.raises(TimeoutError):
        process.call(hang, timeout=0.2)
    assert process.call(number, timeout=30) != first


@pytest.mark.parametrize("broken", [die, fail])
def test_what_dies_is_replaced(process: Process, broken: Any) -> None:
    with pytest.raises(ChildProcessError):
        process.call(broken, timeout=30)
    assert "process" in process.call(number, timeout=30)


def test_it_is_ended_while_a_thread_waits(process: Process) -> None:
    process.call(number, timeout=30)
    threading.Timer(0.2, process.end).start()
    with pytest.raises(ChildProcessError):
        process.call(hang, timeout=60)
    with pytest.raises(ChildProcessError):
        process.call(number, timeout=30)


def test_it_is_replaced_before_it_grows(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tvm_bnn.tuning.process._USES", 2)
    numbers = [process.call(number, timeout=30)["process"] for _ in range(4)]
    assert numbers[0] == numbers[1] != numbers[2] == numbers[3]


_PARENT = """
from pathlib import Path
from tests.tuning.test_process import hold_the_lock
from tvm_bnn.tuning.process import Process
Process(open(1, "wb", closefd=False)).call(hold_the_lock, timeout=600)
"""


def test_it_does_not_outlive_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        handle = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        # Readable once the process has ended.
        assert select.select([handle], [], [], None)[0]
        os.close(handle)


def test_it_is_replaced_when_it_has_grown(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    first = process.call(number, timeout=30)
    assert process.call(number, timeout=30) == first
    monkeypatch.setattr("tvm_bnn.tuning.process._GROWTH", -1)
    assert process.call(number, timeout=30) != first


def test_an_answer_that_is_none_is_a_death(process: Process) -> None:
    with pytest.raises(ChildProcessError):
        process.call(nonsense, timeout=30)
    assert "process" in process.call(number, timeout=30)


def test_one_that_is_new(process: Process) -> None:
    assert process.is_new
    process.call(number, timeout=30)
    assert not process.is_new
    process.renew()
    assert process.is_new
