from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.targets import load, resolve_host
from tvm_bnn.tuning import runners
from tvm_bnn.tuning.absent import AbsentRunner
from tvm_bnn.tuning.runners import RunnerKind, Wanted, opened

HOST, BOARD = resolve_host(), load("rpi4")


@pytest.mark.parametrize(
    ("wanted", "target", "kind"),
    [
        (Wanted(), HOST, "local"),
        (Wanted(), BOARD, "static"),
        (Wanted(tracker="localhost:9190"), BOARD, "rpc"),
        (Wanted(tracker="localhost:9190"), HOST, "rpc"),
        (Wanted("static"), BOARD, "static"),
        (Wanted("local"), BOARD, "local"),
        (Wanted("rpc", tracker="localhost:9190"), BOARD, "rpc"),
        (Wanted("offline"), BOARD, "offline"),
        (Wanted("offline"), load("h200"), "offline"),
    ],
)
def test_what_serves_a_target(wanted: Wanted, target: Any, kind: RunnerKind) -> None:
    assert wanted.kind(target) == kind


@pytest.mark.parametrize(
    ("wanted", "target", "told"),
    [
        (Wanted("rpc"), BOARD, "expected a tracker"),
        (Wanted("static", tracker="localhost:9190"), BOARD, "--rpc-tracker"),
        (Wanted("offline", tracker="localhost:9190"), BOARD, "not used by the offline runner"),
        (Wanted("static"), load("cpu-portable"), "expected one with a model of its core"),
    ],
)
def test_what_does_not_fit_is_refused(wanted: Wanted, target: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        wanted.kind(target)
    assert refused.value.hint


def test_boards_register_under_the_targets_name() -> None:
    assert Wanted().key_of(BOARD) == "rpi4"
    assert Wanted(key="mine").key_of(BOARD) == "mine"


def test_a_runner_is_closed_whatever_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed: list[bool] = []

    class Closing:
        def __init__(self, *_: object) -> None: ...

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(runners, "LocalRunner", Closing)
    with pytest.raises(KeyError), opened(Wanted(), HOST, tmp_path / "log", print):
        raise KeyError
    assert closed == [True]


def test_offline_there_is_nothing_to_measure_on(tmp_path: Path) -> None:
    with opened(Wanted("offline"), load("h200"), tmp_path / "log", print) as runner:
        assert isinstance(runner, AbsentRunner)
