from typing import Any

import numpy as np
import pytest

from tvm_bnn.deploy.vm import machine, tensor
from tvm_bnn.estimation.machine import EmulationError, Machine
from tvm_bnn.estimation.network import emulate_network, run_network
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.targets import Target, resolve_host
from tvm_bnn.targets import load as load_target
from tvm_bnn.tuning.plan import default_choice

SIZE = (64, 96)


@pytest.fixture(scope="module")
def road() -> LoadedModel:
    return load("kitti-road", input_size=SIZE)


def compiled(model: LoadedModel, target: Target, size: tuple[int, int], threads: int = 1) -> Compiled:
    shape = (1, *size, 3)
    return compile_network(model.network, shape, target, threads, lambda op: default_choice(op, target, threads))


def picture(size: tuple[int, int]) -> Any:
    return np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)


def test_the_labels_of_this_host(road: LoadedModel) -> None:
    here, there = compiled(road, resolve_host(), SIZE), compiled(road, load_target("rpi4"), SIZE)
    expected = machine(here.executable, tiles=here.tiles)["main"](tensor(picture(SIZE))).numpy()
    found = emulate_network(there, picture(SIZE))
    assert len(np.unique(expected)) > 1
    assert found.output.tobytes() == expected.tobytes()
    assert [name for name, _ in found.executions] == [placed.function for placed in there.operators]
    assert all(execution.blocks for _, execution in found.executions)


@pytest.mark.parametrize(("board", "threads"), [("rpi3", 1), ("rpi4", 4), ("rpi5", 1)])
def test_every_board(tiny_model: LoadedModel, tiny_compiled: Compiled, board: str, threads: int) -> None:
    size = tiny_model.input_size
    expected = machine(tiny_compiled.executable, tiles=tiny_compiled.tiles)["main"](tensor(picture(size))).numpy()
    there = compiled(tiny_model, load_target(board), size, threads)
    for _ in range(2):
        np.testing.assert_array_equal(run_network(there, picture(size)), expected)


def test_a_kernel_that_fails_tells_why(tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise EmulationError("the kernel stops: for a test")

    there = compiled(tiny_model, load_target("rpi4"), tiny_model.input_size)
    monkeypatch.setattr(Machine, "run", fail)
    with pytest.raises(EmulationError, match="for a test"):
        run_network(there, picture(tiny_model.input_size))
    assert there.executable.mod.imports
