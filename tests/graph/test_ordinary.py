"""Ordinary operators in a compiled network: the same values as torch's, in whatever order they are executed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.nn.nets import PICTURES, Net, ready
from tvm_bnn.errors import UsageError
from tvm_bnn.graph.compare import compiled_trace
from tvm_bnn.graph.ordinary import Ordinary
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.nn import BinaryConv2d, IntegerNetwork, freeze
from tvm_bnn.profiling.latency import measure
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice

HOST = resolve_host()
SHAPE = (1, 16, 24, 3)

Body = Callable[[Any, Tensor], Tensor]


def compiled(body: Body, **layers: nn.Module) -> tuple[Compiled, IntegerNetwork]:
    network = freeze(ready(Net(8, body, **layers)), PICTURES)
    return compile_network(network, SHAPE, HOST, 1, lambda operator: default_choice(operator, HOST, 1)), network


def differences(executable: Compiled, network: IntegerNetwork) -> dict[str, float]:
    """Largest difference from torch's run, of every value that is seen."""
    image = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    wanted, found = network.trace(torch.from_numpy(image)), compiled_trace(executable, network, image)
    shared = set(wanted) & set(found)
    return {name: float(np.abs(wanted[name].astype(float) - found[name].astype(float)).max()) for name in shared}


@pytest.mark.parametrize(
    "body",
    [
        lambda net, x: torch.cat([x, x.flip(3)], 1),
        lambda net, x: functional.max_pool2d(x, 3, 2, 1),
        lambda net, x: functional.interpolate(x, scale_factor=3, mode="nearest"),
        lambda net, x: functional.interpolate(x, size=(20, 31), mode="nearest"),
        lambda net, x: functional.pixel_shuffle(x, 2),
        lambda net, x: torch.max(x, 1)[0],
        lambda net, x: torch.topk(x, 2, dim=1)[0],
    ],
    ids=["cat", "max_pool", "nearest", "nearest_size", "pixel_shuffle", "max", "topk"],
)
def test_what_moves_and_picks_is_exact(body: Body) -> None:
    assert set(differences(*compiled(body)).values()) == {0}


@pytest.mark.parametrize(
    "body",
    [
        lambda net, x: torch.softmax(x, 1),
        lambda net, x: torch.sigmoid(net.conv(x)),
        lambda net, x: functional.interpolate(x, size=(20, 31), mode="bilinear"),
        lambda net, x: x.mean((2, 3)),
        lambda net, x: torch.sigmoid(x.mean((2, 3), keepdim=True)) * x,
        lambda net, x: x.roll(1, 3).mean(),
    ],
    ids=["softmax", "conv", "bilinear", "mean", "gate", "one_number"],
)
def test_what_rounds_is_close(body: Body) -> None:
    executable, network = compiled(body, conv=nn.Conv2d(8, 5, 3))
    assert max(differences(executable, network).values()) < 1e-4
    assert isinstance(executable.steps[-1], Ordinary)


def late(net: Any, x: Tensor) -> Tensor:
    """Fusion brings the second convolution forward, for an island in front of it reads another."""
    gate = torch.sigmoid(x)
    first, second = net.first(x), net.second(gate * gate)
    result: Tensor = net.third(torch.tanh(gate) * second) + first
    return result


def test_kernels_are_known_whatever_their_order() -> None:
    layers = {name: BinaryConv2d(8, 8) for name in ("first", "second", "third")}
    executable, network = compiled(late, **layers)
    integers = {name: gap for name, gap in differences(executable, network).items() if not name.startswith("mul")}
    assert set(integers.values()) == {0}
    named = [name for step in executable.steps for name in getattr(step, "names", None) or [step.name]]  # type: ignore[union-attr]
    assert sorted(named) == sorted(step.name for step in network.steps)
    assert measure(executable, warmup=0, repeat=1).steps.shape == (1, len(executable.steps))


@pytest.mark.parametrize(
    "body",
    [lambda net, x: functional.unfold(x, 3), lambda net, x: functional.group_norm(x, 2)],
    ids=["unfold", "group_norm"],
)
def test_what_tvm_does_not_know_is_one_line(body: Body) -> None:
    with pytest.raises(UsageError, match=r"the network cannot be lowered: .+") as caught:
        compiled(body)
    assert "\n" not in str(caught.value.message)
