import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.remote.loopback import serve, wait_for
from tvm_bnn.remote import connection, execution
from tvm_bnn.remote.session import Session, UnfitError
from tvm_bnn.remote.tracker import Address, boards
from tvm_bnn.targets import resolve_host

HOST = resolve_host()

OTHERS = {
    "old": "honest = board.facts; board.facts = lambda: honest() | {'tvm': '0.26.0'}",
    "emulated": "honest = board.facts; board.facts = lambda: honest() | {'emulated': True}",
    "stock": "board.register = lambda: None",
}
"""Boards that are not as they should be."""


@pytest.fixture(scope="module")
def rack(at: Address, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A board that is as it should be, and others."""
    folder = tmp_path_factory.mktemp("rack")
    with ExitStack() as stack:
        stack.enter_context(serve(at, "host", folder))
        for key, changes in OTHERS.items():
            stack.enter_context(serve(at, key, folder, changes))
        for key in ("host", *OTHERS):
            wait_for(at, key)
        yield at


def test_a_session(rack: Address, tmp_path: Path) -> None:
    session = Session.open(rack, "host", HOST, 10)
    assert session.facts["machine"]
    assert set(session.state()) == {"governor", "clock_mhz", "temperature_c", "throttled", "free_bytes"}
    array = np.arange(12, dtype=np.int16).reshape(3, 4)
    np.testing.assert_array_equal(session.tensor(array[:, ::-1]).numpy(), array[:, ::-1])
    told = session.summary({"clock_mhz": 1}, {"clock_mhz": 2})
    assert told["before"] == {"clock_mhz": 1}
    assert told["model"] == session.facts["model"]
    assert "features" not in told
    json.dumps(told)
    del session
    wait_for(rack, "host")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("old", "expected apache-tvm .* as on this host, got 0.26.0"),
        ("emulated", "expected a board, got an emulated one"),
        ("stock", "expected tvm-bnn's server, got another one"),
    ],
)
def test_boards_of_no_use(rack: Address, key: str, message: str) -> None:
    with pytest.raises(UnfitError, match=message) as caught:
        Session.open(rack, key, HOST, 10)
    assert caught.value.exit_code == 4
    assert caught.value.hint


def test_a_library_that_does_not_fit(rack: Address) -> None:
    session = Session.open(rack, "host", HOST, 10)
    with pytest.raises(UnfitError, match="expected 1000000000000 MB of free memory, got"):
        session.require(10**18, session.state())
    del session
    wait_for(rack, "host")


def test_a_board_that_nobody_asks_any_more_is_free_again(rack: Address) -> None:
    """Its end of the session ends itself; the server goes on."""
    session = Session.open(rack, "host", HOST, 10)
    assert boards(rack, "host", 5).free == 0
    session.within(0.5)
    time.sleep(1.2)
    with pytest.raises(RuntimeError):
        session.state()
    wait_for(rack, "host")
    assert Session.open(rack, "host", HOST, 10).facts["bits"] == 64


def test_what_a_board_refuses_is_no_loss_of_the_board(rack: Address, tmp_path: Path) -> None:
    wait_for(rack, "host")
    assert "facts" in connection.connect(rack, "host", HOST.name, 10, (), False)
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    answer = execution.load_network(str(broken), 1, 10)
    assert answer["failure"] == "run"
    assert answer["message"]
    assert "\n" not in answer["message"]
    assert connection.with_session(lambda session: {"bits": session.facts["bits"]}) == {"bits": 64}
    # Whoever connects again gives the board back first.
    assert "facts" in connection.connect(rack, "host", HOST.name, 10, (), False)


def test_a_board_that_is_gone(rack: Address) -> None:
    answer = connection.connect(rack, "host", HOST.name, 10, (), False)
    assert "facts" in answer

    def die(session: Session) -> connection.Answer:
        session.within(0.5)
        time.sleep(1.2)
        return {"state": session.state()}

    lost = connection.with_session(die)
    assert "the connection was lost" in lost["lost"]
    assert "\n" not in lost["lost"]


def test_no_board_in_time(rack: Address) -> None:
    answer = connection.connect(rack, "nobody", HOST.name, 0.2, (), False)
    assert "no board with the key 'nobody' became free" in answer["lost"]


def test_an_output_left_alone_is_wrong() -> None:
    from tests.tuning.fakes import CONV
    from tvm_bnn.tuning import worker

    problem = worker.problem_of(CONV.signature, 0)
    message = worker.compare({"main": lambda *tensors: None}, problem.outputs, problem.outputs, problem)
    assert message.startswith("stream[0, 0, 0, 0]: expected ")
    assert message.endswith("got 85")
