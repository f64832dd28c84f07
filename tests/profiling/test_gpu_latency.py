import json
from pathlib import Path
from typing import Any

from tests import fake_cuda as fake
from tvm_bnn.profiling.gpu_latency import Recorder

PROFILE = """
from tests.tiny import MODEL
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.models.load import load as load_model
from tvm_bnn.profiling import gpu_latency
from tvm_bnn.profiling.profile import profile
from tvm_bnn.targets import load
from tvm_bnn.tuning.plan import default_choice
gpu_latency._LEAST_REPEAT_MS = 0
target, model = load("cuda"), load_model(MODEL)
shape = (1, *model.input_size, 3)
compiled = compile_network(model.network, shape, target, 132, lambda one: default_choice(one, target, 132))
found = profile(model, compiled, warmup=0, repeat=2)
print(found.model_dump_json())
print(fake_cuda.count("event"), fake_cuda.count("graph"))
"""


def test_a_profile_of_a_gpu(fake_cuda: Path) -> None:
    *_, text, counts = fake.output_of(PROFILE, fake_cuda).splitlines()
    found = json.loads(text)
    assert (found["target"], found["evidence"], found["total"]["runs"]) == ("h200", "measured", 2)
    device = {"name": "NVIDIA H200", "architecture": "sm_90", "logical_cores": 132}
    assert {key: value for key, value in found["device"].items() if key != "clocks"} == device
    operators = {operator["name"]: operator for operator in found["operators"]}
    assert list(operators) == ["stem.0", "conv", "head", "scores"]
    assert all(operator["median_ms"] > 0 for operator in operators.values())
    # What tensor cores can do at best with single bits is not published.
    assert operators["conv"]["roofline_fraction"] is None
    assert operators["stem.0"]["roofline_fraction"] > 0
    events, graphs = map(int, counts.split())
    assert events >= 2 * 2 * len(operators)
    assert graphs == 2


def record(recorder: Recorder, *calls: Any) -> None:
    """Let a machine call functions; a list is called twice, for the graph."""
    for call in calls:
        name = call if isinstance(call, str) else "vm.builtin.cuda_graph.run_or_capture"
        recorder.instrument(None, name, True, None, f"argument of {name}")
        if not isinstance(call, str):
            record(recorder, *call, *call)
        recorder.instrument(None, name, False, None)


def test_what_is_recorded_for_a_graph_counts_once() -> None:
    recorder = Recorder({"stem", "conv", "pool", "labels"})
    record(recorder, "vm.builtin.null_value", "stem", ["conv", "vm.builtin.alloc_tensor", "conv", "pool"], "labels")
    assert [call.name for call in recorder.calls] == ["stem", "conv", "conv", "pool", "labels"]
    assert recorder.calls[0].arguments == ("argument of stem",)
    without = Recorder({"stem", "labels"})
    record(without, "stem", "labels")
    assert [call.name for call in without.calls] == ["stem", "labels"]
