import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tvm_bnn.data.contract import Sample
from tvm_bnn.data.painters import Painters
from tvm_bnn.data.scenes import DRAWERS

SIZE = (32, 64)


def is_drawn(sample: Sample, kind: str, index: int, seed: int) -> bool:
    pairs = zip(sample, DRAWERS[kind](index, SIZE, seed), strict=True)
    return all(np.array_equal(got, expected) for got, expected in pairs)


def children() -> set[int]:
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


@pytest.mark.parametrize("kind", DRAWERS)
def test_more_threads_than_painters(kind: str) -> None:
    painters = Painters(2)
    with ThreadPoolExecutor(5) as pool:
        samples = list(pool.map(lambda index: painters.draw(kind, index, SIZE, 3), range(12)))
    painters.end()
    assert all(is_drawn(sample, kind, index, 3) for index, sample in enumerate(samples))


def test_pictures_can_be_written_to() -> None:
    painters = Painters(1)
    assert all(part.flags.writeable for part in painters.draw("street", 0, SIZE, 0))
    painters.end()


def test_none_is_started_before_it_is_needed_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def counting(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", counting)
    painters = Painters(3)
    assert not started
    for index in range(2):
        painters.draw("street", index, SIZE, 0)
    painters.end()
    assert 1 <= len(started) <= 2
    assert all(process.returncode == -signal.SIGKILL for process in started)


def test_a_painter_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    painters = Painters(1)
    painters.draw("street", 0, SIZE, 0)
    (painter,) = children() - before
    os.kill(painter, signal.SIGKILL)
    assert is_drawn(painters.draw("street", 1, SIZE, 0), "street", 1, 0)
    assert is_drawn(painters.draw("street", 2, SIZE, 0), "street", 2, 0)
    assert painter not in children()
    painters.end()


def test_painters_end_with_whoever_asks_them() -> None:
    program = (
        "import os, signal; from tvm_bnn.data.painters import Painters; p = Painters(1);"
        "p.draw('street', 0, (32, 64), 0);"
        "print(open(f'/proc/self/task/{os.getpid()}/children').read(), flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    asker = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    assert asker.returncode == -signal.SIGKILL
    (painter,) = map(int, asker.stdout.split())
    # It is no child of this process, which so cannot wait for it.
    while Path(f"/proc/{painter}/exe").exists():
        time.sleep(0.01)
