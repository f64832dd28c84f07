import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.loopback import serve, wait_for
from tests.remote.test_runner import HOST, REQUEST
from tvm_bnn.remote import connection
from tvm_bnn.remote.seat import Seat
from tvm_bnn.remote.station import Place
from tvm_bnn.remote.tracker import Address
from tvm_bnn.remote.trial import build, measure
from tvm_bnn.tuning.worker import Request

HANGS = "import time\nboard.threads = lambda count: time.sleep(600)"
HOT = "honest = board.state; board.state = lambda: honest() | {'throttled': 0x4}"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    built = build(REQUEST.to_dict(), str(tmp_path_factory.mktemp("built")))
    return str(built["library"])


def test_what_a_hot_board_measures_does_not_count(at: Address, folder: Path, library: str) -> None:
    with serve(at, "hot", folder, HOT):
        wait_for(at, "hot")
        assert "facts" in connection.connect(at, "hot", HOST.name, 10, (), False)
        assert measure(REQUEST.to_dict(), library, 30) == {"throttled": "throttling"}


@pytest.fixture
def seat(at: Address, folder: Path) -> Iterator[Seat]:
    with (folder / "seat.log").open("wb") as log:
        seat = Seat(0, Place(at, "hangs", 3), log)
        yield seat
        seat.close()


def test_a_hang_ends_in_time_and_the_board_is_free_again(at: Address, folder: Path, library: str, seat: Seat) -> None:
    with serve(at, "hangs", folder, HANGS):
        wait_for(at, "hangs")
        result = seat.measure(REQUEST, library, ())
        assert result["failure"] == "timeout"
        assert "not finished after 3 s on board" in result["message"]
        assert seat.connected


def test_what_ran_a_bad_candidate_is_not_trusted_with_the_next(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    seat.connected, seat._used = True, time.monotonic()
    for result, connected in (({"run_secs": [1.0]}, True), ({"failure": "wrong", "message": "no"}, False)):
        monkeypatch.setattr(seat, "call", lambda *_, result=result: result)
        assert seat.measure(REQUEST, "library.so", ()) == result
        assert seat.connected is connected


@pytest.mark.parametrize("changes", [{"lowering": "gone"}, {"point": {"tile": [0]}}, {"target": "nowhere"}])
def test_what_cannot_be_built(changes: dict[str, object], folder: Path) -> None:
    answer = build(Request(**{**REQUEST.to_dict(), **changes}).to_dict(), str(folder))
    assert answer["failure"] == "build"
    assert answer["message"]
