"""One place at the tracker's table: trials on whichever board it is given."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import IO

from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.session import IDLE_SECONDS
from tvm_bnn.remote.station import LostError, Place, Station
from tvm_bnn.remote.tracker import Address
from tvm_bnn.remote.trial import measure
from tvm_bnn.tuning.runner import Result
from tvm_bnn.tuning.worker import Request

_USES_OF_A_SESSION = 64
"""A session is closed after so many trials, with the code that was loaded meanwhile."""


class DroppedError(ToolchainError):
    """A session that ended in the middle of a trial: the board is gone, or what it ran has ended it."""


class Seat(Station):
    """Measures on one board at a time; on another one, where the first is gone.

    Args:
        number: of the seat; the least that is free is taken first.
        place: of the boards.
        log: receives what the process prints.
    """

    def __init__(self, number: int, place: Place, log: IO[bytes]) -> None:
        super().__init__(place, log)
        self.number = number
        self._uses, self._used = 0, 0.0

    def measure(self, request: Request, library: str, avoid: Collection[Address]) -> Result:
        """The result of a point on the board.

        Args:
            request: the point.
            library: what it was built into.
            avoid: addresses of boards that are of no use.

        Raises:
            UnfitError: the board cannot be used.
            LostError: there is no board.
            DroppedError: the session ended in the middle.
            ThrottledError: the board was slowed down; what it measured does not count.
        """
        if not self.connected or self._is_stale():
            self._sit(request.target, avoid)
        self._uses, self._used = self._uses + 1, time.monotonic()
        try:
            result = self.call(measure, request.to_dict(), library)
        except TimeoutError:
            return self._late(request.target, avoid)
        except LostError as error:
            raise DroppedError(error.message, error.hint) from None
        # What ran a bad candidate is not trusted with the next: its tensors may have been written over.
        self.connected = "failure" not in result
        return result

    def _late(self, target: str, avoid: Collection[Address]) -> Result:
        """A board that can be reached again had a point that takes too long; another one is gone."""
        message = f"not finished after {self.place.timeout:g} s on {self.name}"
        try:
            self._sit(target, avoid)
        except LostError as error:
            raise LostError(f"{message}, which is gone: {error}", error.hint) from None
        return {"failure": "timeout", "message": message}

    def _is_stale(self) -> bool:
        idle = time.monotonic() - self._used
        return self._uses >= _USES_OF_A_SESSION or idle > IDLE_SECONDS / 2

    def _sit(self, target: str, avoid: Collection[Address]) -> None:
        self.connect(target, avoid)
        self._uses, self._used = 0, time.monotonic()
