import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def output_of(script: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


LABEL = """
import sys
import numpy as np
from tvm_bnn.deploy.runner import Runner
labels = Runner.load({bundle!r}).run(np.zeros((16, 24, 3), np.uint8))
print("torch" in sys.modules)
"""
THEN_COMPILE = """
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.models.load import load
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice
host = resolve_host()
network = load("tests.tiny:network").network
print(len(compile_network(network, (1, 16, 24, 3), host, 1, lambda one: default_choice(one, host, 1)).operators))
"""


def test_bundles_run_without_torch_and_compiling_afterwards_still_works(tiny_bundle: Path) -> None:
    assert output_of(LABEL.format(bundle=str(tiny_bundle)) + THEN_COMPILE).split() == ["False", "4"]


@pytest.mark.parametrize("first", ["torch", "tvm"])
def test_whatever_is_loaded_already_stays(first: str) -> None:
    script = (
        f"import sys, {first}; from tvm_bnn.deploy.vm import runtime; print(runtime().__name__, 'torch' in sys.modules)"
    )
    assert output_of(script) == "tvm True"
