"""The measuring process on a GPU that libraries stand for."""

import json
from pathlib import Path

from tests import fake_cuda as fake

MEASURE = """
import json
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import load
from tvm_bnn.tuning.task import arms_of
from tvm_bnn.tuning.worker import Request, measure
target = load("h200")
conv = Conv2d(1, 3, 5, 64, 64, epilogue=Epilogue(outputs=("signs",)))
found = {}
for arm in arms_of(Setting(conv, target, 132)):
    if arm.lowering not in LOWERINGS:
        continue
    request = Request(conv.signature, "h200", 132, arm.lowering, arm.default.to_dict(), repeat=2, min_repeat_ms=0)
    found[arm.lowering] = measure(request.to_dict())
found["events"] = fake_cuda.count("event")
print(json.dumps(found))
"""
SABOTAGED = """
LOWERINGS = ("popcount-threads",)
from tvm_bnn.deploy import machine_code
right = machine_code.compile_cuda
machine_code.compile_cuda = lambda source, arch: right(source.replace("__popc(", "1 + __popc("), arch)
"""


def test_candidates_are_compared_and_timed_by_events(fake_cuda: Path) -> None:
    lowerings = ("binary-mma", "popcount-threads")
    found = json.loads(fake.output_of(f"LOWERINGS = {lowerings}\n{MEASURE}", fake_cuda).splitlines()[-1])
    events = found.pop("events")
    assert set(found) == set(lowerings)
    for name, result in found.items():
        assert len(result.get("run_secs", [])) == 2, (name, result)
    assert events >= 4 * len(found)


def test_wrong_code_is_not_timed(fake_cuda: Path) -> None:
    found = json.loads(fake.output_of(SABOTAGED + MEASURE, fake_cuda).splitlines()[-1])
    assert found["popcount-threads"]["failure"] == "wrong"
