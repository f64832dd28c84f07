"""A board that cannot be relied on: its server dies and comes back, and what it answers is late, damaged or cut off.

The board listens on 127.0.0.1 and tells the tracker that it is at 127.0.0.2, where a relay of ours stands in between.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.remote import loopback
from tvm_bnn.remote.tracker import Address

RELAY = "127.0.0.2"

ELSEWHERE = f"""
import functools, tvm.rpc.server as server
server.PopenRPCServerState = functools.partial(server.PopenRPCServerState, custom_addr="{RELAY}")
"""
"""Lines of Python for a board that is reached through the relay."""

FAULTS = ("kill", "late", "damaged", "cut", "hang up")

_CHUNK = 1 << 16
_PAYLOAD = 512
"""Answers of so many bytes are results; what is shorter are times and words."""


class Relay:
    """Passes bytes on between clients and a board, until it is told to do something else once.

    Args:
        port: of the board, and of the relay.
        rng: decides which bytes are damaged.
        delay: seconds by which a late answer is late.
    """

    def __init__(self, port: int, rng: np.random.Generator, delay: float) -> None:
        self.port, self.rng, self.delay = port, rng, delay
        self.done: Counter[str] = Counter()
        self._next: str | None = None
        self._server = socket.create_server((RELAY, port))
        threading.Thread(target=self._accept, daemon=True).start()

    def plan(self, fault: str) -> None:
        """What becomes of the next answer."""
        self._next = fault

    @property
    def idle(self) -> bool:
        """Whether what was planned has been done."""
        return self._next is None

    def close(self) -> None:
        """Take no more clients."""
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            board = socket.create_connection(("127.0.0.1", self.port))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass, args=(client, board, False), daemon=True).start()
        self._pass(board, client, True)

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if answers and self._next and self._fits(data):
                    data = self._spoilt(data)
                sink.sendall(data)
                if not data:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _fits(self, data: bytes) -> bool:
        return self._next != "damaged" or len(data) > _PAYLOAD

    def _spoilt(self, data: bytes) -> bytes:
        fault, self._next = self._next, None
        assert fault is not None
        self.done[fault] += 1
        if fault == "late":
            time.sleep(self.delay)
        elif fault == "damaged":
            changed = bytearray(data)
            for place in self.rng.integers(_PAYLOAD // 2, len(data), 8):
                changed[place] ^= 1 << int(self.rng.integers(8))
            return bytes(changed)
        elif fault == "cut":
            raise ConnectionAbortedError
        elif fault == "hang up":
            return b""
        return data


class Board:
    """A board behind a relay, which is killed and comes back."""

    def __init__(self, tracker: Address, key: str, folder: Path, rng: np.random.Generator, delay: float) -> None:
        self.tracker, self.key, self.folder, self.rng = tracker, key, folder, rng
        self.kills = 0
        self._port = loopback.free_port()
        self.relay = Relay(self._port, rng, delay)
        self._running: ExitStack | None = None

    def start(self) -> None:
        """Or start again."""
        stack, address = ExitStack(), f"{self.tracker[0]}:{self.tracker[1]}"
        script = loopback._BOARD.format(changes=ELSEWHERE)
        command = [sys.executable, "-c", script, "--tracker", address, "--key", self.key, "--port", str(self._port)]
        stack.enter_context(loopback.process(command, self.folder / f"board-{self._port}.log"))
        self._running = stack

    def stop(self) -> None:
        """The power fails."""
        if self._running is not None:
            self._running.close()
        self._running = None

    def suffer(self, fault: str) -> None:
        """One fault; whatever it was, the board is there again afterwards."""
        if fault != "kill":
            self.relay.plan(fault)
            return
        self.kills += 1
        self.stop()
        time.sleep(self.rng.uniform(0, 1))
        self.start()

    def close(self) -> None:
        """For good."""
        self.stop()
        self.relay.close()
