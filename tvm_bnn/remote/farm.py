"""All boards of a key: seats that are free, busy or given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import IO

from tvm_bnn.errors import ToolchainError
from tvm_bnn.remote.seat import Seat
from tvm_bnn.remote.session import UnfitError
from tvm_bnn.remote.station import Place
from tvm_bnn.remote.tracker import Address, boards


class Farm:
    """Hands out seats to threads.

    Args:
        place: which boards.
        log: receives what the seats' processes print.
        report: is told of boards that are given up.
    """

    def __init__(self, place: Place, log: IO[bytes], report: Callable[[str], None]) -> None:
        self.place, self._log, self.report = place, log, report
        self.refused: set[Address] = set()
        self._seats: list[Seat] = []
        self._busy: set[Seat] = set()
        self._opened = 0
        self._changed = Condition()
        self._reason: ToolchainError | None = None
        self._closed = False

    def __len__(self) -> int:
        """Seats that have not been given up."""
        return len(self._seats)

    def look(self, timeout: float = 10.0) -> None:
        """A seat for every board that is free and has none yet; at least one in all.

        Raises:
            ToolchainError: the tracker cannot be reached, or has no board with this key.
        """
        try:
            found = boards(self.place.tracker, self.place.key, timeout)
        except ToolchainError:
            if self._seats:
                # Sessions do not need the tracker.
                return
            raise
        waiting = sum(not seat.connected for seat in self._seats)
        more = max(found.free - len(self.refused) - waiting, 0 if self._seats else 1)
        for _ in range(more):
            self._seats.append(Seat(self._opened, self.place, self._log))
            self._opened += 1

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A seat for the calling thread alone; the same one again where there is a choice.

        Raises:
            ToolchainError: none is left.
        """
        with self._changed:
            while not (free := [seat for seat in self._seats if seat not in self._busy]):
                self._check()
                self._changed.wait()
            self._check()
            taken = min(free, key=lambda seat: (not seat.connected, seat.number))
            self._busy.add(taken)
        try:
            yield taken
        finally:
            with self._changed:
                self._busy.discard(taken)
                self._changed.notify_all()

    def _check(self) -> None:
        if self._closed:
            raise ToolchainError("the boards are given back")
        if not self._seats:
            reason = self._reason
            assert reason is not None
            raise ToolchainError(f"no board is left: {reason}", reason.hint)

    def give_up(self, seat: Seat, reason: ToolchainError) -> None:
        """Do without a seat from now on, and without a board that cannot be used."""
        with self._changed:
            if isinstance(reason, UnfitError):
                self.refused.add(reason.address)
            if seat in self._seats:
                self._seats.remove(seat)
            self._reason = reason
            goes_on = bool(self._seats) and not self._closed
            self._changed.notify_all()
        seat.close()
        if goes_on:
            self.report(f"{reason}; the others go on")

    def close(self) -> None:
        """End all sessions; whoever waits for a seat gets none."""
        with self._changed:
            self._closed = True
            seats = list(self._seats)
            self._changed.notify_all()
        for seat in seats:
            seat.close()
