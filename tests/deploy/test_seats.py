import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.tasks import tasks_after
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.deploy.seats import on_lasting_thread


def test_the_main_thread_calls_itself() -> None:
    assert on_lasting_thread(threading.current_thread) is threading.main_thread()


def test_other_threads_share_those_that_stay() -> None:
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        one, two = (pool.submit(on_lasting_thread, threading.current_thread).result() for pool in (first, second))
    assert one is two
    assert one.is_alive()


def test_what_is_raised_comes_back() -> None:
    def fail() -> None:
        raise ValueError("told")

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="told"):
        pool.submit(on_lasting_thread, fail).result()


def test_threads_that_come_and_go_leave_nothing(tiny_bundle: Path) -> None:
    """TVM keeps workers for every thread that has ever called it."""
    runner, picture = Runner.load(tiny_bundle, threads=2), np.zeros((16, 24, 3), np.uint8)
    count = tasks_after(lambda: runner.run(picture), 1)
    # The last that was joined may still be on its way out; a leak would be 20.
    assert tasks_after(lambda: runner.run(picture), 20) < count + 10
