import ctypes
import platform

import pytest

from tvm_bnn import amx
from tvm_bnn.amx import request_permission, require_permission
from tvm_bnn.errors import ToolchainError


class Libc:
    """Answers one number to every system call."""

    def __init__(self, answer: int) -> None:
        self.answer = answer
        self.calls: list[tuple[int, ...]] = []

    def syscall(self, *numbers: ctypes.c_long) -> int:
        self.calls.append(tuple(number.value for number in numbers))
        return self.answer


@pytest.mark.parametrize(("answer", "granted"), [(0, True), (-1, False)])
def test_linux_on_x86_is_asked(answer: int, granted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(answer)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: libc)
    assert request_permission() is granted
    assert request_permission() is granted
    assert libc.calls == [(158, 0x1023, 18)] * 2


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "x86_64"), ("Windows", "AMD64")])
def test_no_other_system_is_asked(system: str, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("a system call was about to be made"))
    assert not request_permission()


def test_asking_this_system_does_no_harm() -> None:
    assert request_permission() == request_permission()


def test_a_refusal_is_one_line_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amx, "request_permission", lambda: True)
    require_permission()
    monkeypatch.setattr(amx, "request_permission", lambda: False)
    with pytest.raises(ToolchainError, match="expected permission to use AMX tiles, got a refusal") as caught:
        require_permission()
    assert "x86-avx512" in str(caught.value.hint)
