import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.remote.loopback import free_port
from tvm_bnn._tvm import tvm
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.remote.tracker import Address, boards, parse_address, request


class FakeServer:
    """Registers with a tracker as a board does."""

    def __init__(self, at: Address, key: str) -> None:
        self.key, self._socket = key, socket.create_connection(at)
        self._socket.sendall(struct.pack("<i", tvm.rpc.base.RPC_TRACKER_MAGIC))
        tvm.rpc.base.recvall(self._socket, 4)
        self._say([tvm.rpc.base.TrackerCode.UPDATE_INFO, {"key": f"server:{key}", "addr": ["127.0.0.1", 1]}])

    def offer(self, port: int) -> None:
        self._say([tvm.rpc.base.TrackerCode.PUT, self.key, (port, f"{self.key}:{port}"), None])

    def _say(self, message: object) -> None:
        tvm.rpc.base.sendjson(self._socket, message)
        assert tvm.rpc.base.recvjson(self._socket) == tvm.rpc.base.TrackerCode.SUCCESS

    def close(self) -> None:
        self._socket.close()


@contextmanager
def server(at: Address, key: str) -> Iterator[FakeServer]:
    fake = FakeServer(at, key)
    try:
        yield fake
    finally:
        fake.close()


def test_addresses() -> None:
    assert parse_address("127.0.0.1:9190") == ("127.0.0.1", 9190)
    for wrong in ("", "localhost", ":9190", "host:", "host:port", "host:0", "host:65536", "host:-1"):
        with pytest.raises(UsageError, match="expected a tracker as HOST:PORT"):
            parse_address(wrong)


def test_boards_are_counted(at: Address) -> None:
    with server(at, "counted") as one, server(at, "counted"), server(at, "other"):
        one.offer(1)
        found = boards(at, "counted", 5)
        assert (found.registered, found.free) == (2, 1)


def test_a_wrong_key(at: Address) -> None:
    with server(at, "rpi4"), pytest.raises(ToolchainError, match="expected a board with the key 'rpi', got none") as e:
        boards(at, "rpi", 5)
    assert e.value.hint == "did you mean 'rpi4'? choose from: rpi4"


def test_a_tracker_without_boards(at: Address) -> None:
    with pytest.raises(ToolchainError, match="got none") as caught:
        boards(at, "lonely", 5)
    assert "python -m tvm_bnn.remote.board --tracker HOST:PORT --key lonely" in str(caught.value.hint)


def test_a_free_board_is_given_out_once(at: Address) -> None:
    with server(at, "once") as fake:
        fake.offer(7)
        ticket = request(at, "once", 5)
        assert (ticket.address, ticket.word) == (("127.0.0.1", 7), "once:7")
        with pytest.raises(ToolchainError, match=r"no board with the key 'once' became free within 0\.2 s"):
            request(at, "once", 0.2)


def test_boards_to_avoid_are_passed_over(at: Address) -> None:
    with server(at, "avoid") as fake:
        fake.offer(7)
        fake.offer(8)
        assert request(at, "avoid", 5, {("127.0.0.1", 7)}).address == ("127.0.0.1", 8)


def test_no_tracker() -> None:
    with pytest.raises(ToolchainError, match=r"no tracker at 127\.0\.0\.1:\d+: Connection refused") as caught:
        boards(("127.0.0.1", free_port()), "rpi4", 5)
    assert "tvm.exec.rpc_tracker" in str(caught.value.hint)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400", b"\0", b""])
def test_something_else_than_a_tracker(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(greeting)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ToolchainError, match=r"expected a tracker at .*, got something else"):
            boards(listening.getsockname(), "rpi4", 5)
        thread.join()


def test_a_tracker_that_says_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        pytest.raises(ToolchainError, match=r"expected a tracker at .*, got something else"),
    ):
        boards(listening.getsockname(), "rpi4", 0.2)
