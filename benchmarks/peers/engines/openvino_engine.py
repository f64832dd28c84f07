"""OpenVINO's CPU plugin: binary convolution, int8, bf16 and fp32.

Its binary convolution takes 0 and 1 for what they are: one of -1 and +1 is 2 conv(0/1) - sum(w), and its padding
then means -1. The products are as many, so its time may be compared; its result only after that correction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino  # type: ignore[import-not-found]
from openvino import opset8 as ops

from benchmarks.peers.cases import Layer, Network, case_from_dict, difference
from benchmarks.peers.clock import Call, Calls, Differences
from benchmarks.peers.server import Prepared

_LEVELS = 256

Node = Any


def prepare(case: dict[str, Any], options: dict[str, Any], threads: int) -> Prepared:
    """A layer or a network; options: ``precision`` and the ``folder`` of models."""
    wanted, precision = case_from_dict(case), str(options["precision"])
    if isinstance(wanted, Network):
        return Calls(_call(_network(wanted, precision, Path(options["folder"])), precision, threads))
    chain = difference(wanted)
    longer, shorter = (_call(_chain(layers, precision), precision, threads) for layers in (chain.longer, chain.shorter))
    return Differences(longer, shorter, chain.count)


def _call(model: Any, precision: str, threads: int) -> Call:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # The process is tied to its cores as a whole.
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    random = np.random.default_rng(0)
    for number, port in enumerate(model.inputs):
        dtype = port.get_element_type().to_dtype()
        values = random.integers(0, 256, list(port.shape)) if dtype == np.uint8 else random.random(list(port.shape))
        request.set_input_tensor(number, openvino.Tensor(values.astype(dtype)))
    call: Call = request.infer
    return call


def _network(network: Network, precision: str, folder: Path) -> Any:
    from benchmarks.peers.twin import onnx_file

    path = onnx_file(network, folder)
    if precision == "int8":
        path = _quantised_file(path, network)
    return openvino.Core().read_model(path)


def _quantised_file(path: Path, network: Network) -> Path:
    """The model quantised after training, with a random picture: its speed does not depend on the numbers."""
    quantised = path.with_suffix(".int8.xml")
    if not quantised.exists():
        import nncf  # type: ignore[import-not-found]

        picture = np.random.default_rng(0).integers(0, 256, (1, *network.size, 3), np.uint8)
        model = nncf.quantize(
            openvino.Core().read_model(path),
            nncf.Dataset([picture]),
            subset_size=1,
            preset=nncf.QuantizationPreset.PERFORMANCE,
            advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
        )
        openvino.save_model(model, quantised)
    return quantised


def _chain(layers: tuple[Layer, ...], precision: str) -> Any:
    first = layers[0]
    data = ops.parameter([1, first.in_channels, first.height, first.width], np.float32)
    random = np.random.default_rng(0)
    add = _ADD.get(precision, _real)
    value = data if add is _real else _quantise(data, 2 if add is _binary else _LEVELS)
    for number, layer in enumerate(layers):
        value = add(value, layer, random)
        # The last result leaves the network as it is.
        if add is not _real and number < len(layers) - 1:
            value = _quantise(value, 2 if add is _binary else _LEVELS)
    return openvino.Model([ops.result(value)], [data], "chain")


def _quantise(value: Node, levels: int) -> Node:
    low, high = np.float32(0), np.float32(1)
    threshold = np.full((1, 1, 1, 1), 0.5, np.float32)
    if levels == 2:
        return ops.fake_quantize(value, threshold, threshold, low, high, levels)
    return ops.fake_quantize(value, low, high, low, high, levels)


def _window(layer: Layer) -> tuple[list[int], list[int], list[int], list[int]]:
    padding = [layer.padding] * 2
    return [layer.stride] * 2, padding, padding, [layer.dilation] * 2


def _binary(value: Node, layer: Layer, random: np.random.Generator) -> Node:
    if layer.groups > 1:
        raise ValueError("BinaryConvolution knows no groups")
    bits = np.packbits(random.integers(0, 2, layer.weight_shape, np.uint8).ravel())
    weight = openvino.op.Constant(openvino.Tensor(bits, openvino.Shape(layer.weight_shape), openvino.Type.u1))
    strides, begin, end, dilations = _window(layer)
    return ops.binary_convolution(value, weight, strides, begin, end, dilations, "xnor-popcount", 0.0)


def _int8(value: Node, layer: Layer, random: np.random.Generator) -> Node:
    whole = ops.constant(random.integers(-127, 128, layer.weight_shape, np.int8))
    scale = np.full((layer.out_channels, 1, 1, 1), 0.001, np.float32)
    return _convolution(value, ops.multiply(ops.convert(whole, "f32"), ops.constant(scale)), layer)


def _real(value: Node, layer: Layer, random: np.random.Generator) -> Node:
    scale = (layer.in_channels // layer.groups * layer.kernel**2) ** -0.5
    weight = (random.standard_normal(layer.weight_shape) * scale).astype(np.float32)
    return _convolution(value, ops.constant(weight), layer)


def _convolution(value: Node, weight: Node, layer: Layer) -> Node:
    if layer.groups == 1:
        return ops.convolution(value, weight, *_window(layer))
    outputs, inputs, *kernel = layer.weight_shape
    shape = np.array([layer.groups, outputs // layer.groups, inputs, *kernel], np.int64)
    return ops.group_convolution(value, ops.reshape(weight, shape, False), *_window(layer))


_ADD: dict[str, Callable[[Node, Layer, np.random.Generator], Node]] = {"binary": _binary, "int8": _int8}
