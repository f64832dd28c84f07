"""A session with a board, held by a process of its own: TVM's client waits forever for a board that is gone."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import tvm
from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.board import PREFIX
from tvm_bnn.remote.fitness import Problem, too_large, unfit
from tvm_bnn.remote.tracker import Address, request
from tvm_bnn.targets import Target

_STOCK = "on the board, start python -m tvm_bnn.remote.board instead of TVM's server; see docs/raspberry-pi.md"
IDLE_SECONDS = 900
"""A session that asks for nothing for so long is ended by the board."""


class UnfitError(ToolchainError):
    """A board that is reached and cannot be used."""

    def __init__(self, address: Address, problem: Problem) -> None:
        super().__init__(*problem)
        self.address = address


class Session:
    """An open session: what the board is, and what it can be asked.

    It ends when nothing refers to it or to what lies on its board any more.

    Args:
        remote: TVM's session.
        address: of the board.

    Attributes:
        held: what the work that is being done keeps on the board, to end with the session.
    """

    def __init__(self, remote: Any, address: Address) -> None:
        self._remote, self.address = remote, address
        self.held: dict[str, Any] = {}
        self.facts: dict[str, Any] = json.loads(self.ask("facts"))
        self.device = remote.cpu()

    @classmethod
    def open(
        cls,
        tracker: Address,
        key: str,
        target: Target,
        timeout: float,
        avoid: Collection[Address] = (),
        emulated: bool = False,
    ) -> Session:
        """Of a free board that can run the target's code; of an emulated one where that is wanted.

        Raises:
            ToolchainError: no board becomes free in time, or it drops the connection.
            UnfitError: the board cannot be used.
        """
        ticket = request(tracker, key, timeout, avoid)
        try:
            remote = tvm.rpc.connect(*ticket.address, ticket.word)
        except RuntimeError as error:
            raise lost(ticket.address, error) from error
        try:
            session = cls(remote, ticket.address)
        except AttributeError as error:
            stock = f"board {ticket.address[0]}:{ticket.address[1]}: expected tvm-bnn's server, got another one"
            raise UnfitError(ticket.address, (stock, _STOCK)) from error
        except RuntimeError as error:
            raise lost(ticket.address, error) from error
        problem = unfit(session.facts, target, emulated)
        if problem:
            raise UnfitError(ticket.address, problem)
        session.within(None)
        return session

    def ask(self, function: str, *arguments: Any) -> Any:
        """The answer of one of the board's functions, see :mod:`tvm_bnn.remote.board`."""
        return self._remote.get_function(PREFIX + function)(*arguments)

    def state(self) -> dict[str, Any]:
        """Governor, clock, temperature, flags and free memory, now."""
        found: dict[str, Any] = json.loads(self.ask("state"))
        return found

    def within(self, seconds: float | None) -> None:
        """Have the board end this session after so many seconds, unless it hears of it again; None: the usual."""
        self.ask("alarm", IDLE_SECONDS if seconds is None else math.ceil(seconds))

    def require(self, needed: int, state: Mapping[str, Any]) -> None:
        """See that so many bytes fit into the board's memory, as its ``state`` has it.

        Raises:
            UnfitError: they do not.
        """
        problem = too_large(needed, state, self.facts)
        if problem:
            raise UnfitError(self.address, problem)

    def _upload(self, library: Path) -> str:
        """Bring a library there, under a name that it has never had: a loaded one must not be overwritten."""
        name = f"{secrets.token_hex(8)}.so"
        self._remote.upload(bytearray(library.read_bytes()), name)
        return name

    def load(self, library: Path, function: str | None = None) -> Any:
        """A library as a module of the board, or what one of the board's functions makes of it."""
        name = self._upload(library)
        loaded = self._remote.load_module(name) if function is None else self.ask(function, name)
        # It stays mapped, and needs its name no longer.
        self._remote.remove(name)
        return loaded

    def tensor(self, array: NDArray[Any]) -> Any:
        """A copy of an array in the board's memory."""
        return tvm.runtime.tensor(np.ascontiguousarray(array), device=self.device)

    def summary(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        """What a measurement says of the board."""
        return {name: value for name, value in self.facts.items() if name != "features"} | {
            "address": f"{self.address[0]}:{self.address[1]}",
            "before": dict(before),
            "after": dict(after),
        }


def lost(address: Address, error: Exception) -> ToolchainError:
    """A board that does not answer as it should."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ToolchainError(
        f"board {address[0]}:{address[1]}: the connection was lost: {lines[-1][:200]}",
        "see its log: journalctl -u tvm-bnn-board",
    )
