import threading
from collections.abc import Iterator

import pytest

from tvm_bnn.data.ahead import Ahead
from tvm_bnn.errors import UsageError


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_order(threads: int) -> None:
    late = threading.Event()

    def make(number: int) -> int:
        # With several threads the first is done last.
        if number == 10 and threads > 1:
            late.wait()
        if number == 12:
            late.set()
        return number * number

    with Ahead(make, range(10, 20), depth=5, threads=threads) as ahead:
        assert [ahead.take() for _ in range(10)] == [number * number for number in range(10, 20)]
        with pytest.raises(IndexError):
            ahead.take()


def test_no_more_is_begun_than_was_asked_for() -> None:
    begun = threading.Semaphore(0)
    numbers: list[int] = []

    def make(number: int) -> int:
        numbers.append(number)
        begun.release()
        return number

    with Ahead(make, range(100), depth=3, threads=2) as ahead:
        for _ in range(3):
            begun.acquire()
        assert sorted(numbers) == [0, 1, 2]
        assert ahead.take() == 0
        begun.acquire()
        assert sorted(numbers) == [0, 1, 2, 3]
    assert len(numbers) == 4


def test_what_goes_wrong_is_raised_where_it_is_asked_for() -> None:
    def make(number: int) -> int:
        if number == 1:
            raise UsageError("a damaged file", "none")
        return number

    with Ahead(make, range(3), depth=3, threads=2) as ahead:
        assert ahead.take() == 0
        with pytest.raises(UsageError, match="a damaged file"):
            ahead.take()
        assert ahead.take() == 2


def test_nothing_to_make() -> None:
    with Ahead(lambda number: number, range(0), depth=2, threads=2) as ahead, pytest.raises(IndexError):
        ahead.take()
