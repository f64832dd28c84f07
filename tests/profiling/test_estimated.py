import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tvm_bnn.errors import NoCandidateError, NumericsError
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.models.load import load as load_model
from tvm_bnn.ops import Operator
from tvm_bnn.profiling.estimated import LEFT_OUT, estimated_profile
from tvm_bnn.profiling.model import Profile
from tvm_bnn.targets import load
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.plan import Choice, default_choice
from tvm_bnn.tuning.worker import Request

BOARD = load("rpi4")


class Model:
    """Takes a millisecond for every kernel, and answers each only once."""

    evidence: Evidence = "estimated"

    def __init__(self, **failure: str) -> None:
        self.failure = failure
        self.asked: list[Request] = []

    def run_many(self, requests: Iterable[Request]) -> Iterator[tuple[Request, dict[str, Any]]]:
        for request in requests:
            self.asked.append(request)
            yield request, self.failure or {"run_secs": [1e-3]}

    def close(self) -> None: ...


def choose(operator: Operator) -> Choice:
    return default_choice(operator, BOARD, 1)


def profiled(model: LoadedModel, runner: Model | None = None) -> Profile:
    return estimated_profile(model, BOARD, choose, runner or Model())


def test_estimates_are_labelled_and_add_up(tiny_model: LoadedModel) -> None:
    found = profiled(tiny_model)
    assert (found.evidence, found.threads, found.target) == ("estimated", 1, "rpi4")
    assert {operator.evidence for operator in found.operators} == {"estimated"}
    assert found.total.median_ms == pytest.approx(len(found.operators))
    assert (found.total.p5_ms, found.total.p95_ms, found.total.runs) == (None, None, 0)
    assert found.device.name == "model of cortex-a72"
    assert (found.device.architecture, found.device.logical_cores) == ("aarch64", 4)
    assert found.left_out == list(LEFT_OUT)
    assert sum(operator.share or 0 for operator in found.operators) == pytest.approx(1)
    assert Profile.model_validate_json(found.model_dump_json()) == found


def test_equal_kernels_are_estimated_once(tiny_model: LoadedModel) -> None:
    runner = Model()
    found = profiled(tiny_model, runner)
    assert len({request.operator for request in runner.asked}) == len(runner.asked) <= len(found.operators)
    assert {(request.target, request.threads) for request in runner.asked} == {("rpi4", 1)}


def test_a_wrong_kernel_has_no_profile(tiny_model: LoadedModel) -> None:
    with pytest.raises(NumericsError, match=r"\(wrong\): stream"):
        profiled(tiny_model, Model(failure="wrong", message="stream[0]: expected 1, got 2"))
    with pytest.raises(NoCandidateError, match=r"\(build\): no"):
        profiled(tiny_model, Model(failure="build", message="no"))


def test_ordinary_operators_have_a_rank_and_no_time() -> None:
    found = profiled(load_model("examples.u_net:factory", input_size=(64, 96)))
    ordinary = [operator for operator in found.operators if operator.lowering == "ordinary"]
    assert ordinary
    for operator in ordinary:
        assert (operator.median_ms, operator.share, operator.gops, operator.roofline_fraction) == (None,) * 4
        assert operator.rank_score == operator.ops + operator.bytes
    assert found.total.median_ms is None
    assert found.left_out[-1] == "ordinary operators"
    written = json.loads(found.model_dump_json())["operators"]
    assert [("rank_score" in entry) for entry in written] == [entry["median_ms"] is None for entry in written]
