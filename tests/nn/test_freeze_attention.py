"""Layers that read several inputs: attention over anchors, gates, and what feeds them."""

import pytest
import torch
from torch import Tensor, nn

from tests.nn.nets import ready
from tests.nn.teacher import Frozen, bit_errors, freeze_with_plan, logit_errors, stream_errors
from tvm_bnn.nn import (
    AnchorPool,
    BinaryConv2d,
    ChannelGate,
    MultiBranchUpsample,
    PooledBinaryAttention,
    RealConv2d,
    RPReLU,
    Step,
    freeze,
)
from tvm_bnn.nn.calibration import synthetic_pictures
from tvm_bnn.ops import AccumulatingOperator, PooledAttention

CHANNELS = 16

PICTURES = synthetic_pictures(6, (24, 32))
"""Enough that a batch norm over single values does not blow up what rounding does to them."""

# Means and quotients are rounded before a batch norm that enlarges their small differences a few times.
UNITS = 6.0


class Stem(nn.Module):
    """A stream to work on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = RealConv2d(3, CHANNELS, stride=2, picture=True)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.activation = RPReLU(CHANNELS)

    def forward(self, picture: Tensor) -> Tensor:
        result: Tensor = self.activation(self.norm(self.conv(picture)))
        return result


class Upsampling(nn.Module):
    def __init__(self, gate: str) -> None:
        super().__init__()
        self.stem = Stem()
        self.down = nn.AvgPool2d(2)
        self.upsample = MultiBranchUpsample(CHANNELS, CHANNELS, gate=gate)  # type: ignore[arg-type]
        self.activation = RPReLU(CHANNELS)

    def forward(self, picture: Tensor) -> Tensor:
        x = self.stem(picture)
        result: Tensor = self.activation(self.upsample(self.down(x), x))
        return result


def attending(value_bits: int = 1) -> nn.Module:
    block = PooledBinaryAttention(CHANNELS, key_channels=8, grids=(1, 3), value_bits=value_bits)
    return nn.Sequential(Stem(), block, RPReLU(CHANNELS))


def check(model: nn.Module) -> Frozen:
    """Every step against the layers that it came from."""
    frozen = freeze_with_plan(ready(model, PICTURES), PICTURES)
    image = PICTURES.permute(0, 2, 3, 1).contiguous()
    assert {name: error for name, error in stream_errors(frozen, image).items() if error > UNITS} == {}
    assert {name: error for name, error in logit_errors(frozen, image).items() if error > 1} == {}
    assert {name: share for name, share in bit_errors(frozen, image).items() if share > 0.02} == {}
    return frozen


def outputs(frozen: Frozen) -> dict[str, tuple[str, ...]]:
    return {
        step.name: step.operator.epilogue.outputs
        for step in frozen.network.steps
        if isinstance(step, Step) and isinstance(step.operator, AccumulatingOperator)
    }


@pytest.mark.parametrize("value_bits", [1, 4, 8])
def test_attention(value_bits: int) -> None:
    written = outputs(check(attending(value_bits)))
    # Keys and values take signs of the anchors at thresholds of their own.
    assert written["1.anchors.0"] == ("stream", "signs")
    assert written["1.query.0"] == written["1.key.0"] == ("signs",)
    assert written["1.value.0"] == (("signs",) if value_bits == 1 else ("codes",))
    assert written["1.excite.0"] == ("byte",)
    assert written["1.attend"] == ("stream",)
    # The gate adds the map itself and ends in the activation.
    assert written["1.gate"] == ("stream",)


def test_attention_keeps_its_temperature() -> None:
    model = attending()
    sharp = freeze(ready(model)).state_dict()
    block = model[1]  # type: ignore[index]
    block.attend.log_temperature.data.add_(1)
    dull = freeze(model).state_dict()
    (table,) = [name for name in sharp if name.endswith("_table") and sharp[name].numel() == 9]
    assert dull[table][1] < sharp[table][1]
    assert dull[table][0] == sharp[table][0] == 255


@pytest.mark.parametrize("gate", ["learned", "pooled"])
def test_branches(gate: str) -> None:
    frozen = check(Upsampling(gate))
    written = outputs(frozen)
    # Each branch adds those before it, so that one interpolation serves all.
    assert [name for name in written if name.startswith("upsample.upsample")] == ["upsample.upsample"]
    branches = [f"upsample.branches.{k}.{'conv' if gate == 'learned' else 'gate'}" for k in range(3)]
    adds = {s.name: s.operator.epilogue.shortcut_channels for s in frozen.network.steps}  # type: ignore[union-attr]
    assert [adds[name] for name in branches] == [0, CHANNELS, CHANNELS]
    assert adds["upsample.upsample"] == CHANNELS


def test_branches_with_thresholds_of_their_own_pack_their_own_bits() -> None:
    frozen = check(Upsampling("learned"))
    packed = [step.name for step in frozen.network.steps if step.name.endswith(".quantiser")]
    assert packed == [f"upsample.branches.{k}.conv.quantiser" for k in (1, 2)]


class LogitsReadTwice(nn.Module):
    """Logits that others read too are bytes for the gate and a stream for them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.pool = AnchorPool((1,))
        self.excite = BinaryConv2d(CHANNELS, CHANNELS, kernel_size=1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.gate = ChannelGate()
        self.second = ChannelGate()
        self.third = ChannelGate()

    def forward(self, picture: Tensor) -> Tensor:
        x = self.stem(picture)
        logits = self.norm(self.excite(self.pool(x)))
        gated: Tensor = self.gate(x, logits)
        return gated + self.second(gated, logits=logits) + self.third(x, logits + self.pool(x))


def test_logits_may_have_several_readers() -> None:
    check(LogitsReadTwice())


def test_one_map_may_be_key_and_value() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = Stem()
            self.pool = AnchorPool((2,))
            self.block = PooledBinaryAttention(CHANNELS, key_channels=CHANNELS)

        def forward(self, picture: Tensor) -> Tensor:
            x = self.stem(picture)
            anchors = self.pool(x)
            attended: Tensor = self.block.attend(value=anchors, query=x, key=anchors)
            return attended

    frozen = check(Shared())
    assert isinstance(frozen.network.steps[-1].operator, PooledAttention)  # type: ignore[union-attr]


def test_integers_label_as_the_layers_do() -> None:
    model = ready(attending(), PICTURES)
    network = freeze(model, PICTURES)
    exact = model.double()(PICTURES.double())
    (stream,) = [step.outputs[0] for step in network.steps if step.name == "1.gate"]
    written = torch.from_numpy(network.trace(PICTURES.permute(0, 2, 3, 1).contiguous())[stream]).movedim(-1, 1).double()
    # Up to the scale of the stream, and to signs that tip.
    assert torch.corrcoef(torch.stack([exact.flatten(), written.flatten()]))[0, 1] > 0.98
