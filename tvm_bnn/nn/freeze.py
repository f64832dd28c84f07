"""From a trained torch network to the integer network."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.calibration import Peaks, fixed_order, synthetic_pictures
from tvm_bnn.nn.freezing.emit import Emitter
from tvm_bnn.nn.freezing.forms import settle_forms
from tvm_bnn.nn.freezing.plan import plan
from tvm_bnn.nn.freezing.trace import trace_layers
from tvm_bnn.nn.integer import IntegerNetwork

DEFAULT_STRIDE = 32


def freeze(model: nn.Module, calibration: Tensor | Peaks | None = None) -> IntegerNetwork:
    """Define, once and exactly, the integers that ``model`` computes.

    Signs become bits and thresholds; scales, batch norms and biases become an integer multiply and a rounding shift
    per channel; shortcuts travel as int16 with a power of two per tensor. Layers are fused greedily: a layer that
    accumulates takes along the batch norms, the addition and the activation behind it wherever nothing else reads
    what lies between, and writes the bits of the first binary layer that reads its result. Where only binary layers
    read it, no stream is written.

    Whatever else torch can compute stays in floating point: ordinary operators that read each other are one step,
    which reads the integers as the real values they stand for, exactly, and gives an int16 stream to the layers that
    read its result. A result of the network that no integer layer gives stays real, in torch's order of axes.

    The model is not changed. It is run in double precision and on one thread, so that the choice of scales
    depends on neither the number of threads nor the machine.

    Args:
        model: layers of :mod:`tvm_bnn.nn` and ordinary torch operators, without control flow by values or sizes;
            reads a picture [N, 3, H, W] of 0..255. Its attribute ``stride``, 32 if it has none, is what heights and
            widths of pictures must be multiples of.
        calibration: pictures uint8 [N, 3, H, W] on which the magnitude of every stream is measured; magnitudes twice
            as large saturate; or what :func:`measure_peaks` gave for them, and nothing is run. Synthetic
            pictures if None.

    Raises:
        UsageError: a model that torch.fx cannot trace, that does not run on the pictures, or whose numbers do not fit
            integers; with the place in the model.
    """
    stride = int(getattr(model, "stride", DEFAULT_STRIDE))
    if calibration is None:
        calibration = synthetic_pictures(2, (4 * stride, 4 * stride))
    with fixed_order():
        seen = calibration if isinstance(calibration, Peaks) else _checked(calibration)
        return _freeze(_ready(model), seen, stride)


def measure_peaks(model: nn.Module, pictures: Tensor) -> Peaks:
    """What :func:`freeze` would find out from ``pictures``, to be kept in their place.

    Raises:
        UsageError: a model that torch.fx cannot trace, or that does not run on the pictures.
    """
    with fixed_order():
        graph = trace_layers(_ready(model), _checked(pictures))
    batch, channels, height, width = pictures.shape
    return Peaks((batch, channels, height, width), {node.name: peak for node, peak in graph.peaks.items()})


def _ready(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).cpu().double().eval()


def _checked(pictures: Tensor) -> Tensor:
    if pictures.dtype != torch.uint8 or pictures.dim() != 4:
        raise UsageError(
            f"calibration: expected uint8 [N, 3, H, W], got {pictures.dtype} {list(pictures.shape)}",
            "give pictures as they are read from files, channels first",
        )
    return pictures.cpu().double()


def _freeze(model: nn.Module, calibration: Tensor | Peaks, stride: int) -> IntegerNetwork:
    graph = trace_layers(model, calibration)
    settle_forms(graph)
    emitter = Emitter(graph)
    for part in plan(graph):
        emitter.emit(part)
    return emitter.network(stride)
