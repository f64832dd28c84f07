import dataclasses

import pytest
import torch
from torch import nn

from tests.training.coloured import CONFIG
from tvm_bnn.models import config
from tvm_bnn.models.config import Width
from tvm_bnn.models.packing import packed, unpack_into
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import BinaryConv2d
from tvm_bnn.nn.binary import BinaryLayer


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not a multiple of eight weights in every layer.
    monkeypatch.setitem(config.WIDTHS, "S", Width((3, 6, 6, 6), (1, 1, 1, 1)))


def test_signs_are_kept_and_all_else_is_as_it_was() -> None:
    network, again = SegmentationNet(CONFIG), SegmentationNet(CONFIG)
    with torch.no_grad():
        network.get_parameter("encoder.stages.0.0.conv.weight").view(-1)[:3] = torch.tensor([0.0, -0.0, -1e-30])
    state = packed(network)
    unpack_into(again, state)
    binary = {f"{name}.weight" for name, layer in network.named_modules() if isinstance(layer, BinaryLayer)}
    assert binary
    for name, tensor in network.state_dict().items():
        found = again.state_dict()[name]
        wanted = torch.where(tensor >= 0, 1.0, -1.0) if name in binary else tensor
        assert torch.equal(found, wanted), name
    weights = sum(network.get_parameter(name).numel() for name in binary)
    bits = sum(8 * tensor.numel() for name, tensor in state.items() if name.endswith(".bits"))
    assert weights < bits < weights + 8 * len(binary)


def test_another_networks_state() -> None:
    state = packed(SegmentationNet(CONFIG))
    wider = SegmentationNet(dataclasses.replace(CONFIG, width="XS"))
    with pytest.raises(RuntimeError, match=r"expected \d+ weights, got"):
        unpack_into(wider, state)
    with pytest.raises(KeyError, match="bits"):
        unpack_into(wider, {})


def test_more_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="0: expected weights of 1 bit, got 2"):
        packed(nn.Sequential(BinaryConv2d(3, 4, weight_bits=2)))
