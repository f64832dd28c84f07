import dataclasses
from itertools import product
from typing import get_args

import pytest
import torch

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.models.config import WIDTHS, Attention, Design, SegmentationConfig, Upsampling
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import BinarySign
from tvm_bnn.nn.attention import AnchorAttention, DenseAttention
from tvm_bnn.nn.binary import BinaryLayer

CONFIG = SegmentationConfig("small", tuple(ClassInfo(name, (0, 0, 0)) for name in "abc"), (64, 96), "XS")
DESIGNS = [Design(*choice) for choice in product(get_args(Upsampling), get_args(Attention), (False, True))]


def build(design: Design) -> SegmentationNet:
    return SegmentationNet(dataclasses.replace(CONFIG, design=design))


def pictures(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, *CONFIG.input_size), dtype=torch.uint8)


def names(design: Design, part: str = "") -> set[str]:
    return {name for name, _ in build(design).named_parameters() if name.startswith(part)}


@pytest.mark.parametrize("design", DESIGNS)
def test_scores_for_every_pixel(design: Design) -> None:
    with torch.no_grad():
        scores = build(design).eval()(pictures(2))
    assert scores.shape == (2, 3, 64, 96)
    assert bool(scores.isfinite().all())


@pytest.mark.parametrize("design", DESIGNS)
def test_real_twins_have_no_binary_layer(design: Design) -> None:
    binary = [layer for layer in build(design).modules() if isinstance(layer, BinaryLayer | BinarySign)]
    assert bool(binary) != design.real


@pytest.mark.parametrize("design", [Design(), Design("multi-branch", "dense"), Design(real=True)])
def test_everything_learns(design: Design) -> None:
    network = build(design)
    network(pictures(2)).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_blocks_by_width() -> None:
    network = build(Design())
    assert [len(list(stage.children())) for stage in network.encoder.stages] == list(WIDTHS["XS"].depths)
    assert len(network.decoder) == len(WIDTHS["XS"].channels) - 1


@pytest.mark.parametrize("upsampling", get_args(Upsampling))
def test_attention_adds_its_own_parameters_and_changes_no_others(upsampling: Upsampling) -> None:
    without, pooled, dense = (names(Design(upsampling, attention)) for attention in ("none", "pooled", "dense"))
    assert not any(name.startswith("attention.") for name in without)
    for more in (pooled, dense):
        assert without < more
        assert all(name.startswith("attention.") for name in more - without)
    assert "attention.attend.log_temperature" in pooled - dense


@pytest.mark.parametrize(
    ("attention", "real", "layer"),
    [
        ("pooled", False, AnchorAttention),
        ("dense", False, DenseAttention),
        ("pooled", True, DenseAttention),
        ("dense", True, DenseAttention),
    ],
)
def test_kinds_of_attention(attention: Attention, real: bool, layer: type) -> None:
    found = [one for one in build(Design(attention=attention, real=real)).modules() if hasattr(one, "attend")]
    assert [type(one.attend) for one in found] == [layer]


def test_dense_attention_is_real_in_a_binary_network() -> None:
    network = build(Design(attention="dense"))
    assert not any(isinstance(layer, BinaryLayer) for layer in network.attention.modules())


def test_upsampling_changes_the_decoder_alone() -> None:
    parts = [names(Design(upsampling)) for upsampling in get_args(Upsampling)]
    outside = [{name for name in part if ".upsample." not in name} for part in parts]
    assert all(part == outside[0] for part in outside)
    controls = [names(Design(upsampling), "decoder.") for upsampling in ("bilinear", "single")]
    assert controls[0] == controls[1]


def test_a_twin_has_the_same_parameters_but_those_of_binarising() -> None:
    binary, twin = (names(Design(real=real)) for real in (False, True))
    assert twin <= binary
    only = {name for name in binary - twin if not name.startswith("attention.")}
    assert all(name.endswith((".scale", ".quantiser.shift")) for name in only)
