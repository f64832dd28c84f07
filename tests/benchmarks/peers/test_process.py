import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.peers import process
from benchmarks.peers.process import Peer, PeerError

ROOT = Path(__file__).parents[3]

ENGINE = """
import os, signal, sys, time
from benchmarks.peers.server import serve

class Engine:
    def times(self, runs):
        return [float(os.getpid())] * runs

def prepare(case):
    if case["name"] == "crash":
        print("about to crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if case["name"] == "leave":
        os._exit(3)
    if case["name"] == "hang":
        time.sleep(600)
    if case["name"] == "refuse":
        raise ValueError("no groups")
    return Engine()

serve(prepare, sys.stdin, sys.stdout)
"""


@contextmanager
def engine(folder: Path) -> Iterator[Peer]:
    peer = Peer([sys.executable, "-c", ENGINE], {"PYTHONPATH": str(ROOT)}, folder / "logs" / "engine.log")
    try:
        yield peer
    finally:
        peer.close()


def state(process_id: int) -> str:
    """R for running, S for sleeping, T for stopped."""
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]


def becomes_stopped(process_id: int) -> bool:
    """A signal takes effect a moment after it was sent."""
    for _ in range(1000):
        if state(process_id) == "T":
            return True
        time.sleep(0.01)
    return False


def test_runs_what_was_prepared(tmp_path: Path) -> None:
    with engine(tmp_path) as peer:
        assert peer.prepare({"name": "layer"}) >= 0
        assert len(peer.run(7)) == 7
        assert peer.alive


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_is_stopped_between_turns_and_gone_afterwards(tmp_path: Path) -> None:
    with engine(tmp_path) as peer:
        peer.prepare({"name": "layer"})
        process_id = int(peer.run(1)[0])
        assert becomes_stopped(process_id)
        assert int(peer.run(1)[0]) == process_id
    assert not Path(f"/proc/{process_id}").exists()


def test_a_refusal_leaves_the_engine_usable(tmp_path: Path) -> None:
    with engine(tmp_path) as peer:
        with pytest.raises(PeerError, match=r"^ValueError: no groups$"):
            peer.prepare({"name": "refuse"})
        peer.prepare({"name": "layer"})
        assert len(peer.run(1)) == 1


def test_a_crash_says_how_and_after_what(tmp_path: Path) -> None:
    with engine(tmp_path) as peer:
        with pytest.raises(PeerError, match=r"signal 11 \(Segmentation fault\) after: about to crash"):
            peer.prepare({"name": "crash"})
        assert not peer.alive
        with pytest.raises(PeerError, match="signal 11"):
            peer.run(1)


def test_leaving_is_no_answer(tmp_path: Path) -> None:
    with engine(tmp_path) as peer, pytest.raises(PeerError, match="ended with status 3"):
        peer.prepare({"name": "leave"})


def test_one_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PREPARE_SECONDS", 0.5)
    with engine(tmp_path) as peer, pytest.raises(PeerError, match=r"no answer within 0\.5 s"):
        peer.prepare({"name": "hang"})


def test_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"cannot start .*no-python: No such file"):
        Peer([str(tmp_path / "no-python")], {}, tmp_path / "log")
