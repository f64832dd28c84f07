"""The presets, compiled for this machine, against the integer reference: every value, and at full size every label."""

import numpy as np
import pytest

from tvm_bnn.deploy.vm import machine, on_threads, tensor
from tvm_bnn.graph.compare import compiled_trace, first_divergence
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models.config import Size
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.nn.calibration import synthetic_pictures
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice

HOST = resolve_host()
THREADS = 2


def compiled(name: str, size: Size | None) -> tuple[LoadedModel, Compiled]:
    model = load(name, input_size=size)
    shape = (1, *model.input_size, 3)
    return model, compile_network(model.network, shape, HOST, THREADS, lambda op: default_choice(op, HOST, THREADS))


# A map of the attention that its grids divide, one that they do not, and one smaller than the finest grid.
@pytest.mark.parametrize(("name", "size"), zip(PRESETS, [(64, 192), (96, 160), (32, 64)], strict=True))
def test_small(name: str, size: Size) -> None:
    model, executable = compiled(name, size)
    image = synthetic_pictures(1, size, seed=1).permute(0, 2, 3, 1).contiguous()
    found = compiled_trace(executable, model.network, image.numpy())
    assert first_divergence(model.network, model.network.trace(image), found) is None


@pytest.mark.full
@pytest.mark.parametrize("name", PRESETS)
def test_full_size(name: str) -> None:
    model, executable = compiled(name, None)
    image = synthetic_pictures(1, model.input_size, seed=1).permute(0, 2, 3, 1).contiguous()
    with on_threads(THREADS):
        labels = machine(executable.executable)["main"](tensor(image.numpy())).numpy()
    np.testing.assert_array_equal(labels, model.network(image).numpy())
