"""The tracker: which boards there are, and which of them is free.

TVM's own client waits a minute for a tracker that is not there and forever for a board; this one gives up in time.
The messages are TVM's (``tvm.rpc.base``): a length and JSON text.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tvm_bnn._tvm import tvm
from tvm_bnn.errors import ToolchainError, UsageError, closest

_START_ONE = "start it: python -m tvm.exec.rpc_tracker --host 127.0.0.1 --port 9190; see docs/raspberry-pi.md"
_START_BOARD = "on the board: python -m tvm_bnn.remote.board --tracker HOST:PORT --key"

Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True)
class Ticket:
    """A free board: where it listens, and the word that lets one client in."""

    address: Address
    word: str


def parse_address(text: str) -> Address:
    """``host:port``.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UsageError(f"expected a tracker as HOST:PORT, got '{text}'", "for example 127.0.0.1:9190")
    return host, int(port)


@dataclass(frozen=True)
class Boards:
    """How many boards are registered under a key, and how many of them wait for work."""

    registered: int
    free: int


def boards(tracker: Address, key: str, timeout: float) -> Boards:
    """The boards that are registered under ``key``; at least one.

    Raises:
        ToolchainError: the tracker cannot be reached, or has no such board.
    """
    with _Connection(tracker, timeout) as connection:
        told = connection.ask([tvm.rpc.base.TrackerCode.SUMMARY])
    names = [entry["key"].removeprefix("server:") for entry in told["server_info"]]
    if key not in names:
        hint = closest(key, sorted(set(names))) if names else f"{_START_BOARD} {key}"
        raise ToolchainError(f"tracker {_told(tracker)}: expected a board with the key '{key}', got none", hint)
    return Boards(names.count(key), told["queue_info"].get(key, {}).get("free", 0))


def request(tracker: Address, key: str, timeout: float, avoid: Collection[Address] = ()) -> Ticket:
    """A board that is free, or becomes so in time.

    Args:
        tracker: to ask.
        key: of the boards.
        timeout: seconds, for each answer.
        avoid: addresses that are of no use.

    Raises:
        ToolchainError: the tracker cannot be reached, or no board becomes free.
    """
    while True:
        with _Connection(tracker, timeout) as connection:
            host, port, word = connection.ask(
                [tvm.rpc.base.TrackerCode.REQUEST, key, "", 1], f"no board with the key '{key}' became free"
            )
        if (host, port) not in avoid:
            return Ticket((host, port), word)


class _Connection:
    """A conversation with the tracker."""

    def __init__(self, tracker: Address, timeout: float) -> None:
        self.tracker, self.timeout = tracker, timeout

    def __enter__(self) -> _Connection:
        try:
            self._socket = socket.create_connection(self.tracker, self.timeout)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ToolchainError(f"no tracker at {_told(self.tracker)}: {reason}", _START_ONE) from error
        try:
            self._greet()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(self, *_reason: object) -> None:
        self._socket.close()

    def _greet(self) -> None:
        magic = struct.pack("<i", tvm.rpc.base.RPC_TRACKER_MAGIC)
        try:
            self._socket.sendall(magic)
            found = tvm.rpc.base.recvall(self._socket, 4)
        except OSError as error:
            found = str(error).encode()
        if found != magic:
            raise ToolchainError(f"expected a tracker at {_told(self.tracker)}, got something else", _START_ONE)

    def ask(self, message: list[Any], late: str = "the tracker does not answer") -> Any:
        """The answer to a message; ``late`` is said where none comes in time."""
        text = json.dumps(message).encode()
        try:
            self._socket.sendall(struct.pack("<i", len(text)) + text)
            code, answer = tvm.rpc.base.recvjson(self._socket)
        except TimeoutError as error:
            raise ToolchainError(
                f"tracker {_told(self.tracker)}: {late} within {self.timeout:g} s",
                "see python -m tvm.exec.query_rpc_tracker, and the board's log",
            ) from error
        except (OSError, ValueError) as error:
            raise ToolchainError(f"tracker {_told(self.tracker)} went away: {error}", _START_ONE) from error
        if code != tvm.rpc.base.TrackerCode.SUCCESS:
            raise ToolchainError(f"tracker {_told(self.tracker)} refused: {answer}", _START_ONE)
        return answer


def _told(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
