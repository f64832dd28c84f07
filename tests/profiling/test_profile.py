import json

import pytest
from pydantic import ValidationError

from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.profiling.model import Profile
from tvm_bnn.profiling.profile import profile
from tvm_bnn.targets import cpu_model

# The contract of the JSON, key by key.
KEYS = [
    "schema_version",
    "model",
    "width",
    "input_size",
    "target",
    "threads",
    "evidence",
    "device",
    "total",
    "operators",
]
OPERATOR_KEYS = [
    *("name", "kind", "shape", "lowering", "schedule", "evidence", "median_ms", "share", "binary_macs", "real_macs"),
    *("ops", "bytes", "gops", "roofline_fraction"),
]


@pytest.fixture(scope="module")
def measured(tiny_model: LoadedModel, tiny_compiled: Compiled) -> Profile:
    return profile(tiny_model, tiny_compiled, warmup=1, repeat=3)


def test_json_keeps_the_contract(measured: Profile) -> None:
    data = json.loads(measured.model_dump_json())
    assert list(data) == KEYS
    assert list(data["total"]) == ["median_ms", "p5_ms", "p95_ms", "runs"]
    assert [list(operator) for operator in data["operators"]] == [OPERATOR_KEYS] * 4
    assert (data["schema_version"], data["input_size"], data["evidence"]) == (1, [16, 24], "measured")
    assert data["device"]["name"] == cpu_model()


def test_json_reads_back_as_the_same(measured: Profile) -> None:
    assert Profile.model_validate_json(measured.model_dump_json()) == measured


def test_unknown_fields_are_refused(measured: Profile) -> None:
    data = measured.model_dump() | {"surprise": 1}
    with pytest.raises(ValidationError, match="surprise"):
        Profile.model_validate(data)


def test_operators_are_those_of_the_network_in_order(measured: Profile, tiny_compiled: Compiled) -> None:
    assert [operator.name for operator in measured.operators] == [placed.name for placed in tiny_compiled.operators]
    assert [operator.kind for operator in measured.operators] == ["real_conv2d", "conv2d", "real_conv2d", "labels"]
    assert {operator.schedule for operator in measured.operators} <= {"default", "fallback"}


def test_shares_add_up(measured: Profile) -> None:
    assert sum(operator.share or 0 for operator in measured.operators) == pytest.approx(1)
    assert measured.operators_ms == pytest.approx(sum(operator.median_ms or 0 for operator in measured.operators))


def test_speeds_follow_from_work_and_time(measured: Profile) -> None:
    conv = measured.operators[1]
    assert conv.median_ms is not None
    assert conv.gops == pytest.approx(2 * conv.binary_macs / conv.median_ms / 1e6)
    assert conv.ops == 2 * conv.binary_macs / 64
    assert measured.operators[3].gops == 0


def test_totals_are_in_order(measured: Profile) -> None:
    low, median, high = measured.total.p5_ms, measured.total.median_ms, measured.total.p95_ms
    assert low is not None
    assert median is not None
    assert high is not None
    assert 0 < low <= median <= high
    assert measured.total.runs == 3
