"""A tracker and boards on this machine's loopback interface, each in a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tvm_bnn.remote.tracker import Address, boards

ROOT = Path(__file__).resolve().parents[2]

_TRACKER = """
import sys
sys.modules["torch"] = None
from tvm.rpc.tracker import PopenTrackerServerState
PopenTrackerServerState("127.0.0.1", {port}, {port} + 1).thread.join()
"""

_BOARD = """
import sys
sys.modules["torch"] = None
from tvm_bnn.remote import board
{changes}
board.main(sys.argv[1:])
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process and its children, which are ended together."""
    with log.open("ab") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output, cwd=ROOT, start_new_session=True)
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@contextmanager
def tracker(folder: Path) -> Iterator[Address]:
    port = free_port()
    with process([sys.executable, "-c", _TRACKER.format(port=port)], folder / "tracker.log"):
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield "127.0.0.1", port


def serve(
    at: Address, key: str, folder: Path, changes: str = "", python: Sequence[str | Path] = (sys.executable,)
) -> ExitStack:
    """A board under a key; ``changes`` are lines of Python that make it another one. Close it to end it."""
    stack, port = ExitStack(), free_port()
    script = _BOARD.format(changes=changes)
    command = [*python, "-c", script, "--tracker", f"{at[0]}:{at[1]}", "--key", key, "--port", str(port)]
    stack.enter_context(process(command, folder / f"board-{port}.log"))
    return stack


def wait_for(at: Address, key: str, number: int = 1) -> None:
    """Until so many boards are free."""
    while True:
        try:
            if boards(at, key, 10).free >= number:
                return
        except Exception as error:
            if "got none" not in str(error):
                raise
        time.sleep(0.05)
