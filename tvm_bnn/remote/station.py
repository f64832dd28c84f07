"""A process that holds the session of one board, and what may become of both."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import IO, Any

from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.connection import Answer, connect
from tvm_bnn.remote.cooling import ThrottledError
from tvm_bnn.remote.session import UnfitError
from tvm_bnn.remote.tracker import Address
from tvm_bnn.tuning.process import Process

_CONNECT_SECONDS = 30.0
_START_SECONDS = 30.0
"""Seconds that the process may take to start."""

_GRACE_SECONDS = 2
"""What hangs is given up here first, and then by the board itself, which is free again after that."""

_COOL = "give it a fan and the power supply that is made for it"
_LOOK = "see the board's log: journalctl -u tvm-bnn-board"


class LostError(ToolchainError):
    """A board that is gone, or none that came."""


@dataclass(frozen=True)
class Place:
    """Which boards are wanted, and for how long one may work on something.

    Attributes:
        tracker: to ask for a board.
        key: of the boards.
        timeout: seconds.
        emulated: whether boards count that are emulated.
    """

    tracker: Address
    key: str
    timeout: float
    emulated: bool = False


class Station:
    """Works on one board at a time.

    Args:
        place: of the boards.
        log: receives what the process prints.
    """

    def __init__(self, place: Place, log: IO[bytes]) -> None:
        self.place = place
        self.connected = False
        self.facts: dict[str, Any] = {}
        self._process = Process(log)

    @property
    def name(self) -> str:
        """Of the board, for people."""
        return f"board {self.facts.get('host', '')}"

    def connect(self, target: str, avoid: Collection[Address] = ()) -> None:
        """Begin a session with whichever board is free; an earlier session ends.

        Args:
            target: whose code is to run.
            avoid: addresses of boards that are of no use.

        Raises:
            LostError: there is no board.
            UnfitError: it cannot be used.
        """
        self.connected = False
        place = self.place
        wanted = (place.tracker, place.key, target, _CONNECT_SECONDS, tuple(avoid), place.emulated)
        try:
            answer = self._process.call(connect, *wanted, timeout=_START_SECONDS + 2 * _CONNECT_SECONDS)
        except TimeoutError:
            raise LostError(f"a board with the key '{place.key}' does not answer", _LOOK) from None
        except ChildProcessError:
            raise LostError("the process that connects to boards died", None) from None
        self.facts = _usable(answer, self.name)["facts"]
        self.connected = True

    def call(self, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """What a function gives that runs in the process; its last argument is the seconds that the board gives it.

        Raises:
            TimeoutError: it did not finish.
            LostError: the board ended the session, or is gone.
            UnfitError: the board cannot be used.
            ThrottledError: it was slowed down.
        """
        limit = self.place.timeout
        try:
            answer = self._process.call(function, *arguments, limit + _GRACE_SECONDS, timeout=limit)
            return _usable(answer, self.name)
        except ChildProcessError:
            self.connected = False
            raise LostError(f"{self.name}: the process that spoke to it died", None) from None
        except (TimeoutError, LostError):
            self.connected = False
            raise

    def close(self) -> None:
        """End the process, and with it the session."""
        self._process.end()


def _usable(answer: Answer, name: str) -> Answer:
    if "lost" in answer:
        raise LostError(answer["lost"], answer["hint"])
    if "unfit" in answer:
        raise UnfitError(tuple(answer["address"]), (answer["unfit"], answer["hint"]))
    if "throttled" in answer:
        raise ThrottledError(f"{name}: {answer['throttled']} while it measured", _COOL)
    return answer
