"""One way in for every model: a preset, a checkpoint or the user's own network."""

from __future__ import annotations

import colorsys
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import read_checkpoint
from tvm_bnn.models.config import STRIDE, Size, check_size
from tvm_bnn.models.presets import preset
from tvm_bnn.models.untrained import untrained_network
from tvm_bnn.models.weights import shipped
from tvm_bnn.nn import IntegerNetwork, Step, freeze
from tvm_bnn.nn.calibration import synthetic_pictures
from tvm_bnn.ops import Labels

_CHECKPOINT_SUFFIX = ".safetensors"
# Large pictures would make calibration slow and say no more.
_CALIBRATION_STRIDES = 6
_GOLDEN_ANGLE = 0.381966


@dataclass(frozen=True)
class LoadedModel:
    """A network ready for inference.

    Attributes:
        name: as the user gave it; the stem of a checkpoint's path.
        width: S, M or L; empty for a user's own network.
        input_size: (H, W).
        classes: by label; empty where the network yields no labels.
        network: frozen.
        trained: False where weights are random because the preset was not trained.
        trained_on: what it was trained on, in a few words; empty where nothing is known of that.
    """

    name: str
    width: str
    input_size: Size
    classes: tuple[ClassInfo, ...]
    network: IntegerNetwork
    trained: bool
    trained_on: str = ""


def load(model: str, *, width: str = "S", input_size: Size | None = None, seed: int | None = None) -> LoadedModel:
    """Load a model by name.

    Args:
        model: a preset, the path of a checkpoint, or ``package.module:factory``, where ``factory()`` gives a torch
            network; modules are also looked for in the current folder.
        width: S, M or L, for presets.
        input_size: (H, W); by default the model's own.
        seed: of a preset's weights, which are then untrained; without one they are the trained ones that travel
            with the package, or seeded with 0 where there are none.

    Raises:
        UsageError: unknown model or width, an unusable file or factory, a network that cannot be frozen, or an input
            size that is no multiple of the network's stride.
    """
    if model.endswith(_CHECKPOINT_SUFFIX):
        return _from_checkpoint(Path(model).stem, Path(model), input_size)
    if ":" in model:
        return _from_factory(model, input_size)
    config = preset(model, width)
    file = shipped(model, width)
    if seed is None and file.exists():
        return _from_checkpoint(model, file, input_size or config.input_size)
    size = input_size or config.input_size
    check_size(size, STRIDE)
    network = freeze(*untrained_network(config, seed or 0))
    return LoadedModel(model, width, size, config.classes, network, trained=False)


def _from_checkpoint(name: str, path: Path, input_size: Size | None) -> LoadedModel:
    checkpoint = read_checkpoint(path)
    config = checkpoint.network.config
    size = input_size or config.input_size
    check_size(size, STRIDE)
    network = freeze(checkpoint.network, checkpoint.calibration)
    told = _told(checkpoint.trained_on)
    return LoadedModel(name, config.width, size, config.classes, network, trained=True, trained_on=told)


def _told(trained_on: Mapping[str, Any]) -> str:
    if not trained_on:
        return ""
    height, width = trained_on["size"]
    text = f"{trained_on['data']} {height}x{width}, {trained_on['steps']} steps"
    return f"{text}: generated scenes, not real pictures" if trained_on["generated"] else text


def _from_factory(model: str, input_size: Size | None) -> LoadedModel:
    module = _call_factory(model)
    size = input_size or getattr(module, "input_size", None)
    if size is None:
        raise UsageError(
            f"input size: expected one for '{model}', got none",
            "give --input-size HxW, or set the network's input_size",
        )
    check_size(size, int(getattr(module, "stride", STRIDE)))
    network = module if isinstance(module, IntegerNetwork) else freeze(module, _pictures(module, size))
    return LoadedModel(model, "", size, _anonymous_classes(network), network, trained=True)


def _pictures(module: nn.Module, size: Size) -> Tensor:
    largest = _CALIBRATION_STRIDES * int(getattr(module, "stride", STRIDE))
    height, width = (min(side, largest) for side in size)
    return synthetic_pictures(2, (height, width))


def _call_factory(model: str) -> nn.Module:
    path, _, attribute = model.partition(":")
    # A console script does not search the folder it is called from.
    sys.path.insert(0, str(Path.cwd()))
    try:
        factory = getattr(importlib.import_module(path), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"expected package.module:factory, got '{model}': {error}", "check the spelling and that it can be imported"
        ) from error
    finally:
        sys.path.pop(0)
    network = factory()
    if not isinstance(network, nn.Module):
        raise UsageError(
            f"expected '{model}' to give a torch module, got {type(network).__name__}", "return the network"
        )
    return network


def _anonymous_classes(network: IntegerNetwork) -> tuple[ClassInfo, ...]:
    step = network.steps[-1] if network.steps else None
    last = step.operator if isinstance(step, Step) else None
    count = last.classes if isinstance(last, Labels) else 0
    return tuple(ClassInfo(f"class {label}", _color(label)) for label in range(count))


def _color(label: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(label * _GOLDEN_ANGLE % 1, 0.65, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)
