"""Things that take time to make, made by threads before they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """The results of a function for one number after the other, in that order whatever the number of threads.

    Threads start at once, and end when the block is left or with the program. They are idle once ``depth`` results
    wait to be taken.

    Args:
        make: the function; several threads call it at a time.
        numbers: that it is called for, one by one.
        depth: how many results may be begun or wait, at least 1.
        threads: how many, at least 1.
    """

    def __init__(self, make: Callable[[int], T], numbers: range, depth: int, threads: int) -> None:
        self._make = make
        self._numbers = numbers
        self._depth = depth
        self._begun = self._taken = 0
        self._made: dict[int, T | BaseException] = {}
        self._changed = Condition()
        self._ended = False
        self._threads = [Thread(target=self._work, name=f"ahead {number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def take(self) -> T:
        """The next result, as soon as it is there.

        Raises:
            BaseException: whatever the function raised for this number.
            IndexError: all were taken.
        """
        if self._taken == len(self._numbers):
            raise IndexError("all were taken")
        with self._changed:
            self._changed.wait_for(lambda: self._taken in self._made)
            result = self._made.pop(self._taken)
            self._taken += 1
            self._changed.notify_all()
        if isinstance(result, BaseException):
            raise result
        return result

    def end(self) -> None:
        """Let the threads finish what they have begun, and no more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (place := self._next()) is not None:
            result: T | BaseException
            try:
                result = self._make(self._numbers[place])
            except BaseException as error:
                result = error
            with self._changed:
                self._made[place] = result
                self._changed.notify_all()

    def _next(self) -> int | None:
        """The place of the next number to begin, when it is time; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._begun < self._taken + self._depth)
            if self._ended or self._begun == len(self._numbers):
                return None
            self._begun += 1
            return self._begun - 1
