"""onnxruntime's CPU provider: fp32, and int8 as QLinearConv of uint8 by int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx  # type: ignore[import-not-found]
import onnxruntime  # type: ignore[import-not-found]
from onnx import TensorProto, helper, numpy_helper

from benchmarks.peers.cases import Layer, Network, case_from_dict, difference
from benchmarks.peers.clock import Call, Calls, Differences
from benchmarks.peers.server import Prepared

_OPSET, _IR_VERSION = 17, 10


def prepare(case: dict[str, Any], options: dict[str, Any], threads: int) -> Prepared:
    """A layer or a network; options: ``precision`` and the ``folder`` of models."""
    wanted = case_from_dict(case)
    if isinstance(wanted, Network):
        from benchmarks.peers.twin import onnx_file

        return Calls(_call(str(onnx_file(wanted, Path(options["folder"]))), threads))
    chain = difference(wanted)
    longer, shorter = (
        _call(_chain(layers, options["precision"] == "int8"), threads) for layers in (chain.longer, chain.shorter)
    )
    return Differences(longer, shorter, chain.count)


def _call(model: str | bytes, threads: int) -> Call:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    dtype = np.uint8 if port.type == "tensor(uint8)" else np.float32
    feed = {port.name: np.random.default_rng(0).integers(0, 256, port.shape).astype(dtype)}
    return lambda: session.run(None, feed)


def _chain(layers: tuple[Layer, ...], whole: bool) -> bytes:
    random = np.random.default_rng(0)
    nodes, constants = [], []
    for number, layer in enumerate(layers):
        add = _int8 if whole else _real
        node, weights = add(layer, f"x{number}", f"x{number + 1}", random)
        nodes.append(node)
        constants += weights
    first, last = layers[0], layers[-1]
    dtype = TensorProto.UINT8 if whole else TensorProto.FLOAT
    shape = [1, first.in_channels, first.height, first.width]
    ends = [1, last.out_channels, *last.output_size]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x0", dtype, shape)],
        [helper.make_tensor_value_info(f"x{len(layers)}", dtype, ends)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def _window(layer: Layer) -> dict[str, Any]:
    return {
        "kernel_shape": [layer.kernel] * 2,
        "strides": [layer.stride] * 2,
        "pads": [layer.padding] * 4,
        "dilations": [layer.dilation] * 2,
        "group": layer.groups,
    }


def _real(layer: Layer, source: str, result: str, random: np.random.Generator) -> tuple[Any, list[Any]]:
    scale = (layer.in_channels // layer.groups * layer.kernel**2) ** -0.5
    weight = (random.standard_normal(layer.weight_shape) * scale).astype(np.float32)
    node = helper.make_node("Conv", [source, f"{result}.weight"], [result], **_window(layer))
    return node, [numpy_helper.from_array(weight, f"{result}.weight")]


def _int8(layer: Layer, source: str, result: str, random: np.random.Generator) -> tuple[Any, list[Any]]:
    constants = {
        "scale": np.float32(0.01),
        "zero": np.uint8(0),
        "weight": random.integers(-127, 128, layer.weight_shape, np.int8),
        "weight_scale": np.full(layer.out_channels, 0.001, np.float32),
        "weight_zero": np.zeros(layer.out_channels, np.int8),
    }
    x = ("scale", "zero")
    names = [source, *(f"{result}.{n}" for n in (*x, "weight", "weight_scale", "weight_zero", *x))]
    node = helper.make_node("QLinearConv", names, [result], **_window(layer))
    return node, [numpy_helper.from_array(np.asarray(array), f"{result}.{name}") for name, array in constants.items()]
