from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.nn.nets import IMAGE, PICTURES, Net, ready, segmenter
from tests.nn.teacher import Frozen, bit_errors, freeze_with_plan, stream_errors
from tvm_bnn.nn import (
    ActivationCodes,
    BinaryConv2d,
    BinaryLinear,
    BinarySign,
    IntegerNetwork,
    RealConv2d,
    RepeatChannels,
    RPReLU,
    Uint8Activation,
    freeze,
)
from tvm_bnn.ops import AccumulatingOperator, Epilogue

# Half a unit each from two rounding shifts; the rest from multipliers and slopes of as many bits as 32 leave room for.
UNITS = 0.5 + 0.5 + 1.0


def check(model: nn.Module, pictures: Tensor = PICTURES) -> Frozen:
    """Freeze ``model`` and compare each of its steps with the layers it came from."""
    frozen = freeze_with_plan(model, pictures)
    image = pictures.permute(0, 2, 3, 1).contiguous()
    streams, bits = stream_errors(frozen, image), bit_errors(frozen, image)
    assert {name: error for name, error in streams.items() if error > UNITS} == {}
    assert {name: share for name, share in bits.items() if share > allowed(frozen, name)} == {}
    return frozen


def allowed(frozen: Frozen, name: str) -> float:
    """Share of a binary layer's input that rounding may change: nothing where signs are taken of integers."""
    reader, layer = next((n, layer) for n, layer in frozen.graph.layers.items() if str(n.target) == name)
    if isinstance(layer.quantiser, ActivationCodes):
        return 0.02
    source = reader.all_input_nodes[0]
    exact = frozen.values[source].id or isinstance(frozen.graph.layers[source], nn.BatchNorm2d)
    return 0 if exact else 0.002


def epilogues(network: IntegerNetwork) -> dict[str, Epilogue]:
    return {s.name: s.operator.epilogue for s in network.integer_steps if isinstance(s.operator, AccumulatingOperator)}


def after_conv(net: Net, x: Tensor) -> Tensor:
    result: Tensor = net.activation(net.norm(net.conv(x)))
    return result


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernel_size": 1},
        {"kernel_size": 5},
        {"stride": 2},
        {"dilation": 3},
        {"padding": 0},
        {"groups": 4},
        {"pad_value": "zero"},
        {"weight_bits": 2},
        {"activation_bits": 1, "bipolar": False},
        {"activation_bits": 2},
        {"activation_bits": 2, "pad_value": "zero", "weight_bits": 2},
        {"activation_bits": 4, "bipolar": False},
        {"activation_bits": 8, "groups": 2},
        {"activation_bits": 8, "bipolar": False, "pad_value": "zero", "stride": 2, "weight_bits": 2},
    ],
)
def test_convolution(settings: dict[str, Any]) -> None:
    conv = BinaryConv2d(40, 24, **settings)
    check(ready(Net(40, after_conv, conv=conv, norm=nn.BatchNorm2d(24), activation=RPReLU(24))))


@pytest.mark.parametrize("activation", [nn.ReLU(inplace=True), nn.PReLU(), nn.PReLU(24), nn.Identity()])
def test_activations(activation: nn.Module) -> None:
    conv = BinaryConv2d(8, 24)
    check(ready(Net(8, after_conv, conv=conv, norm=nn.BatchNorm2d(24, affine=False), activation=activation)))


def test_every_step_of_a_residual_network() -> None:
    frozen = check(segmenter())
    found = epilogues(frozen.network)
    outputs = {name: epilogue.outputs for name, epilogue in found.items()}
    assert outputs == {
        "stem.0": ("byte",),
        "stem.3": ("stream", "signs"),
        "fine.conv": ("stream", "signs"),
        "coarse.pool": ("stream",),
        "coarse.conv": ("signs",),
        "reduce": ("stream",),
        "upsample": ("stream", "signs"),
        "refine.conv": ("stream",),
        "head": ("stream",),
    }
    assert found["coarse.conv"].shortcut_channels == 16
    assert found["upsample"].rprelu
    assert frozen.network.integer_steps[-1].operator.kind == "labels"


def test_only_bits_travel_between_binary_layers() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        result: Tensor = net.second(net.norm(net.first(x)))
        return result

    layers = {"first": BinaryConv2d(8, 24), "norm": nn.BatchNorm2d(24), "second": BinaryConv2d(24, 8)}
    frozen = check(ready(Net(8, body, **layers)))
    assert epilogues(frozen.network)["first"] == Epilogue("none", outputs=("signs",))
    assert len(frozen.network.integer_steps) == 3


def two_readers(net: Net, x: Tensor) -> Tensor:
    result: Tensor = net.first(x) + net.second(x)
    return result


def test_readers_of_one_stream_with_thresholds_of_their_own() -> None:
    frozen = check(ready(Net(8, two_readers, first=BinaryConv2d(8, 16), second=BinaryConv2d(8, 16))))
    assert [step.name for step in frozen.network.integer_steps] == ["stem.0", "first", "second.quantiser", "second"]


def test_readers_of_one_stream_with_equal_thresholds() -> None:
    first, second = BinaryConv2d(8, 16), BinaryConv2d(8, 16)
    model = ready(Net(8, two_readers, first=first, second=second))
    second.quantiser.load_state_dict(first.quantiser.state_dict())
    steps = {step.name: step for step in check(model).network.integer_steps}
    assert list(steps) == ["stem.0", "first", "second"]
    assert steps["stem.0"].outputs == ("stem.0:signs",)
    assert steps["first"].inputs == ("stem.0:signs",)


def test_sign_and_codes_of_one_stream() -> None:
    layers = {"first": BinaryConv2d(8, 16), "second": BinaryConv2d(8, 16, activation_bits=3)}
    frozen = check(ready(Net(8, two_readers, **layers)))
    assert epilogues(frozen.network)["second.quantiser"].outputs == ("codes",)


def test_linear_layers() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        result: Tensor = net.second(net.norm(net.first(net.pool(x).flatten(1))))
        return result

    layers = {
        "pool": nn.AvgPool2d(4),
        "first": BinaryLinear(70, 24, activation_bits=4),
        "norm": nn.BatchNorm1d(24),
        "second": BinaryLinear(24, 5, weight_bits=2),
    }
    pictures = PICTURES[:, :, :4, :4]
    frozen = check(ready(Net(70, body, **layers), pictures), pictures)
    kinds = [step.operator.kind for step in frozen.network.integer_steps]
    assert kinds == ["real_conv2d", "avg_pool2d", "dense", "dense"]
    assert frozen.network(IMAGE[:, :4, :4]).shape == (2, 5)


def test_layers_that_no_operator_takes_along() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y = net.norm(x)
        result: Tensor = net.conv(torch.relu(x + y)) + y
        return result + result

    layers = {"norm": nn.BatchNorm2d(8), "conv": BinaryConv2d(8, 8)}
    frozen = check(ready(Net(8, body, **layers)))
    assert [step.operator.kind for step in frozen.network.integer_steps] == [
        "real_conv2d",
        "bitpack",
        "bitpack",
        "conv2d",
        "bitpack",
    ]


def test_norm_after_the_addition() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        result: Tensor = net.norm(net.conv(x) + net.repeat(x))
        return result

    layers = {"conv": BinaryConv2d(8, 16), "repeat": RepeatChannels(2), "norm": nn.BatchNorm2d(16)}
    frozen = check(ready(Net(8, body, **layers)))
    assert len(frozen.network.integer_steps) == 2


def test_the_addition_joins_the_costlier_operator() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        pooled = net.pool(x)
        result: Tensor = pooled + net.conv(x)
        return result

    frozen = check(ready(Net(8, body, pool=nn.AvgPool2d(2), conv=BinaryConv2d(8, 8, stride=2))))
    assert epilogues(frozen.network)["conv"].shortcut_channels == 8


def test_picture_of_8_bits_into_a_binary_layer() -> None:
    conv = BinaryConv2d(3, 16, activation_bits=8, bipolar=False)
    conv.quantiser.get_parameter("log2_step").data.zero_()
    frozen = check(ready(nn.Sequential(conv, nn.BatchNorm2d(16))))
    assert [step.name for step in frozen.network.integer_steps] == ["0.quantiser", "0"]


def test_uint8_activation_into_a_binary_layer() -> None:
    model = nn.Sequential(RealConv2d(3, 8, picture=True), Uint8Activation(), BinaryConv2d(8, 8))
    frozen = check(ready(model))
    assert [step.name for step in frozen.network.integer_steps] == ["0", "2.quantiser", "2"]


def test_real_convolution_of_a_stream() -> None:
    check(ready(Net(16, after_conv, conv=RealConv2d(16, 8, bias=True), norm=nn.Identity(), activation=RPReLU(8))))


def test_a_module_that_is_called_twice() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        result: Tensor = net.conv(net.conv(x) + x)
        return result

    network = freeze(ready(Net(8, body, conv=BinaryConv2d(8, 8))), PICTURES)
    assert [step.name for step in network.integer_steps] == ["stem.0", "conv", "conv#2"]


def test_layers_that_nobody_reads_vanish() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        net.unread(x)
        return x

    network = freeze(ready(Net(8, body, unread=nn.Sigmoid())), PICTURES)
    assert [step.name for step in network.integer_steps] == ["stem.0"]


def test_first_streams_and_labels_agree_with_floating_point() -> None:
    model = segmenter()
    network = freeze(model, PICTURES)
    values = network.trace(IMAGE)
    assert values["scores:labels"].dtype.name == "uint8"
    with torch.no_grad():
        labels = model(PICTURES).argmax(1).numpy()
        first = model.get_submodule("stem")(PICTURES).permute(0, 2, 3, 1)
    stream = torch.from_numpy(values["stem.3:stream"])
    unit = float((first / stream)[stream.abs() > 1000].median())
    assert float((first / unit - stream).abs().mean()) < 2
    assert (values["scores:labels"] == labels).mean() > 0.85


def test_zeros_everywhere() -> None:
    model = Net(8, after_conv, conv=BinaryConv2d(8, 8), norm=nn.BatchNorm2d(8), activation=RPReLU(8))
    for parameter in model.parameters():
        parameter.data.zero_()
    assert int(freeze(model, PICTURES)(IMAGE).abs().max()) == 0


def test_the_model_stays_as_it_was() -> None:
    model = segmenter().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    freeze(model, PICTURES)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.state_dict()["norm.weight"].dtype == torch.float32


def test_freezing_repeats() -> None:
    first, second = (freeze(segmenter(), PICTURES).state_dict() for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_without_calibration() -> None:
    network = freeze(segmenter())
    assert network.stride == 8
    assert network(IMAGE).shape == (2, 16, 24)


def test_thresholds_are_what_the_shift_says() -> None:
    sign = BinarySign(8)
    sign.shift.data = torch.tensor([0.0, 0.1, -0.1, 1.0, -1.0, 1e6, -1e6, 0.5])
    conv = BinaryConv2d(8, 8)
    conv.quantiser = sign
    model = Net(8, lambda net, x: net.conv(x), conv=conv)
    network = freeze(model, PICTURES)
    threshold = network.get_buffer(next(name for name in network.integer_steps[0].parameters if "threshold" in name))
    unit = 1.0 / float(threshold[3])
    assert threshold.tolist()[:3] == [0, int(0.1 / unit) + 1, -int(0.1 / unit)]
    assert threshold.tolist()[5:7] == [32767, -32768]
