from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.tuning.fakes import CONV
from tvm_bnn._tvm import build
from tvm_bnn.errors import ToolchainError
from tvm_bnn.lowering.popcount_lanes import PopcountLanesConv2d
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning import worker
from tvm_bnn.tuning.worker import Request, measure

HOST = resolve_host()
POINT = rows_for(CONV, HOST)[0].space.default(Setting(CONV, HOST, 2)).to_dict()
REQUEST = Request(CONV.signature, HOST.name, 2, "popcount-lanes", POINT, repeat=3, min_repeat_ms=1)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    kept = (worker.build_point, worker.problem_of, worker._inputs)
    for cache in kept:
        cache.cache_clear()
    yield
    for cache in kept:
        cache.cache_clear()


def test_a_real_convolution_is_measured() -> None:
    result = measure(REQUEST.to_dict())
    assert set(result) == {"run_secs"}
    assert len(result["run_secs"]) == 3
    assert all(0 < seconds < 1 for seconds in result["run_secs"])


def test_a_wrong_result_is_named_and_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Conv2d.reference

    def planted(self: Conv2d, *arrays: Array) -> tuple[Array, ...]:
        (stream,) = honest(self, *arrays)
        stream = stream.copy()
        stream[0, 2, 3, 5] ^= 1
        return (stream,)

    monkeypatch.setattr(Conv2d, "reference", planted)
    result = measure(REQUEST.to_dict())
    assert set(result) == {"failure", "message"}
    assert result["failure"] == "wrong"
    assert result["message"].startswith("stream[0, 2, 3, 5]: expected ")


def test_an_output_left_alone_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs hold something else before each run, so that a kernel cannot pass on an earlier one's."""
    assert "run_secs" in measure(REQUEST.to_dict())
    monkeypatch.setattr(worker, "build_point", lambda *wanted: {"main": lambda *tensors: None})
    result = measure(REQUEST.to_dict())
    assert result["failure"] == "wrong"
    assert result["message"].endswith("got 85")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"point": {"tile": [1, 2], "order": "pixels", "unroll": 0}}, ""),
        ({"point": {"tile": [0, 0, 0]}}, "tile: expected"),
        ({"lowering": "gone"}, "no lowering 'gone'"),
        ({"operator": "nonsense"}, ""),
        ({"target": "nowhere"}, "nowhere"),
        ({"threads": 0}, "at least 1 thread"),
    ],
)
def test_what_cannot_be_built(changes: dict[str, Any], message: str) -> None:
    result = measure(replace(REQUEST, **changes).to_dict())
    assert result["failure"] == "build"
    assert message in result["message"]
    assert result["message"]
    assert "\n" not in result["message"]


def test_a_kernel_that_refuses_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*tensors: Any) -> None:
        raise RuntimeError("first\nlast " + "x" * 1000)

    monkeypatch.setattr(worker, "build_point", lambda *wanted: {"main": refuse})
    result = measure(REQUEST.to_dict())
    assert result["failure"] == "run"
    assert result["message"].startswith("last x")
    assert len(result["message"]) == 500


def test_a_slow_candidate_is_given_up_after_a_second_look() -> None:
    assert len(measure(replace(REQUEST, limit_secs=1e-12).to_dict())["run_secs"]) == 2
    assert len(measure(replace(REQUEST, limit_secs=1.0).to_dict())["run_secs"]) == 3


class Clock:
    """A kernel whose repeats take these seconds."""

    def __init__(self, *seconds: float) -> None:
        self.left = list(seconds)
        self.mod = self

    def time_evaluator(self, _name: str, _device: Any, number: int, repeat: int, min_repeat_ms: int) -> Any:
        taken, self.left = self.left[:repeat], self.left[repeat:]
        return lambda *tensors: SimpleNamespace(results=taken)


def test_one_slow_repeat_decides_nothing() -> None:
    request = replace(REQUEST, repeat=5, limit_secs=2.0)
    assert worker.time_point(Clock(9.0, 1.0, 1.1, 1.2, 1.3, 1.4), None, request, []) == [9.0, 1.0, 1.1, 1.2, 1.3]
    assert worker.time_point(Clock(9.0, 8.0, 1.0, 1.0), None, request, []) == [9.0, 8.0]
    assert worker.time_point(Clock(1.0, 9.0, 9.0, 9.0, 9.0), None, request, []) == [1.0, 9.0, 9.0, 9.0, 9.0]


def test_a_point_is_built_once_and_lowerings_share_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    honest = Conv2d.reference

    def counted(self: Conv2d, *arrays: Array) -> tuple[Array, ...]:
        calls.append("reference")
        return honest(self, *arrays)

    def built(*arguments: Any) -> Any:
        calls.append("build")
        return build(*arguments)

    monkeypatch.setattr(Conv2d, "reference", counted)
    monkeypatch.setattr(worker, "build", built)
    for row in (*rows_for(CONV, HOST), rows_for(CONV, HOST)[0]):
        point = row.space.default(Setting(CONV, HOST, 2)).to_dict()
        assert "run_secs" in measure(replace(REQUEST, lowering=row.lowering.name, point=point).to_dict())
    assert sorted(calls) == ["build"] * len(rows_for(CONV, HOST)) + ["reference"]


class Spoilt:
    """A kernel that is right, and does something to its tensors then, or as soon as it has been timed."""

    def __init__(self, kernel: Any, spoil: Any, later: bool) -> None:
        self.kernel, self.spoil, self.later = kernel, spoil, later
        self.mod = self

    def __getitem__(self, name: str) -> Any:
        return self._then_spoilt(self.kernel[name], not self.later)

    def time_evaluator(self, *arguments: Any, **options: Any) -> Any:
        return self._then_spoilt(self.kernel.mod.time_evaluator(*arguments, **options), self.later)

    def _then_spoilt(self, function: Any, now: bool) -> Any:
        def call(*tensors: Any) -> Any:
            result = function(*tensors)
            if now:
                self.spoil(tensors)
            return result

        return call


def add_one(tensor: Any) -> None:
    tensor.copyfrom(tensor.numpy() + 1)


@pytest.mark.parametrize(
    ("spoil", "later", "failure"),
    [
        (lambda tensors: add_one(tensors[-1]), False, "wrong"),
        (lambda tensors: add_one(tensors[-1]), True, "wrong"),
        (lambda tensors: add_one(tensors[0]), True, "memory"),
    ],
    ids=["wrong at once", "wrong later", "its inputs"],
)
def test_a_kernel_that_does_not_stay_right(
    spoil: Any, later: bool, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = worker.build_point
    monkeypatch.setattr(worker, "build_point", lambda *wanted: Spoilt(honest(*wanted), spoil, later))
    result = measure(REQUEST.to_dict())
    assert set(result) == {"failure", "message"}
    assert result["failure"] == failure
    monkeypatch.undo()


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="expected a time, got"):
        worker.time_point(Clock(seconds), None, replace(REQUEST, repeat=1), [])


@pytest.mark.parametrize("tiles", [True, False])
def test_tiles_are_asked_for_where_a_lowering_uses_them(monkeypatch: pytest.MonkeyPatch, tiles: bool) -> None:
    def refuse() -> None:
        raise ToolchainError("expected permission to use AMX tiles, got a refusal", "")

    monkeypatch.setattr(worker, "require_permission", refuse)
    monkeypatch.setattr(PopcountLanesConv2d, "tiles", tiles)
    result = measure(REQUEST.to_dict())
    assert result.get("failure") == ("run" if tiles else None)
    assert ("permission to use AMX tiles" in result.get("message", "")) is tiles
