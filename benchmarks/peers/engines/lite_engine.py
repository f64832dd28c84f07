"""LiteRT's int8 kernels (XNNPACK) and Larq Compute Engine's binary ones, from models that TensorFlow converts."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.peers.cases import Layer, case_from_dict, difference
from benchmarks.peers.clock import Call, Differences
from benchmarks.peers.server import Prepared

_CALIBRATION_MAPS = 2

# There are type stubs for TensorFlow, which are not installed here.
tensorflow: Any = importlib.import_module("tensorflow")


def prepare(case: dict[str, Any], options: dict[str, Any], threads: int) -> Prepared:
    """A layer; options: ``engine``, ``litert`` or ``larq``, and the ``folder`` of models."""
    wanted = case_from_dict(case)
    assert isinstance(wanted, Layer)
    build = _litert if options["engine"] == "litert" else _larq
    chain = difference(wanted)
    longer, shorter = (build(layers, Path(options["folder"]), threads) for layers in (chain.longer, chain.shorter))
    return Differences(longer, shorter, chain.count)


def _litert(layers: tuple[Layer, ...], folder: Path, threads: int) -> Call:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

    interpreter = Interpreter(model_content=_converted("litert", layers, folder), num_threads=threads)
    interpreter.allocate_tensors()
    (port,) = interpreter.get_input_details()
    interpreter.set_tensor(port["index"], np.zeros(port["shape"], port["dtype"]))
    call: Call = interpreter.invoke
    return call


def _larq(layers: tuple[Layer, ...], folder: Path, threads: int) -> Call:
    from larq_compute_engine.tflite.python.interpreter_wrapper_lite import (  # type: ignore[import-not-found]
        LiteInterpreter,
    )

    reference, indirect, xnnpack = False, True, False
    model = _converted("larq", layers, folder)
    interpreter = LiteInterpreter(model, threads, reference, indirect, xnnpack)
    x = np.random.default_rng(0).standard_normal(interpreter.input_shapes[0]).astype(np.float32)
    return lambda: interpreter.predict([x])


def _converted(engine: str, layers: tuple[Layer, ...], folder: Path) -> bytes:
    """A model in TensorFlow Lite's format; kept, since conversion takes seconds and serves every number of threads."""
    path = folder / f"{engine}-{abs(hash(layers)):x}.tflite"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_int8_model(layers) if engine == "litert" else _binary_model(layers))
    return path.read_bytes()


def _int8_model(layers: tuple[Layer, ...]) -> bytes:
    keras = tensorflow.keras
    x = keras.layers.Input((layers[0].height, layers[0].width, layers[0].in_channels), batch_size=1)
    value = x
    for layer in layers:
        value = keras.layers.Conv2D(layer.out_channels, layer.kernel, use_bias=False, **_window(layer))(value)
    converter = tensorflow.lite.TFLiteConverter.from_keras_model(keras.Model(x, value))
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _maps(layers[0])
    converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tensorflow.int8
    model: bytes = converter.convert()
    return model


def _maps(layer: Layer) -> Iterator[list[Any]]:
    random = np.random.default_rng(0)
    for _ in range(_CALIBRATION_MAPS):
        yield [random.random((1, layer.height, layer.width, layer.in_channels), np.float32)]


def _binary_model(layers: tuple[Layer, ...]) -> bytes:
    import larq  # type: ignore[import-not-found]
    from larq_compute_engine import convert_keras_model  # type: ignore[import-not-found]

    keras = tensorflow.keras
    x = keras.layers.Input((layers[0].height, layers[0].width, layers[0].in_channels), batch_size=1)
    value = x
    for layer in layers:
        value = larq.layers.QuantConv2D(
            layer.out_channels,
            layer.kernel,
            pad_values=1.0,
            input_quantizer="ste_sign",
            kernel_quantizer="ste_sign",
            use_bias=False,
            **_window(layer),
        )(value)
        value = keras.layers.BatchNormalization()(value)
    model: bytes = convert_keras_model(keras.Model(x, value))
    return model


def _window(layer: Layer) -> dict[str, Any]:
    return {
        "padding": "same",
        "strides": layer.stride,
        "dilation_rate": layer.dilation,
        "groups": layer.groups,
    }
