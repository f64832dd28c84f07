"""What is evaluated: a network in integers or in floating point, or a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.datasets import Size
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import load_checkpoint
from tvm_bnn.models.config import STRIDE, SegmentationConfig, check_size
from tvm_bnn.models.load import load
from tvm_bnn.nn import freeze
from tvm_bnn.training.evaluation import Predict, float_labels, integer_labels, integer_scores, labels_only

Numerics = Literal["float", "integer", "bundle"]

_CHECKPOINT_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Subject:
    """Something that labels pictures.

    Attributes:
        name: of the model.
        named: whether ``classes`` have the names of a data set's, or only numbers.
        classes: by label.
        size: (H, W) of the pictures it takes.
        numerics: how it computes.
        predict: labels pictures; checkpoints of two classes give confidences too.
    """

    name: str
    named: bool
    classes: Sequence[str]
    size: Size
    numerics: Numerics
    predict: Predict

    def check_classes(self, data: str, classes: Sequence[ClassInfo]) -> None:
        """See that the labels mean what they mean in a data set.

        Args:
            data: name of the data set.
            classes: of the data set.

        Raises:
            UsageError: other classes.
        """
        wanted = [entry.name for entry in classes]
        if list(self.classes) == wanted or (not self.named and len(self.classes) == len(wanted)):
            return
        raise UsageError(
            f"model: expected the {len(wanted)} classes of {data}, got {len(self.classes)}: {_some(self.classes)}",
            f"train one with tvm-bnn train --data {data}, or name the data set that it was trained on",
        )


def open_subject(model: str, size: Size | None, threads: int, *, floating: bool) -> Subject:
    """Load what the user named.

    Args:
        model: the folder of a bundle, a checkpoint, or whatever else :func:`tvm_bnn.models.load.load` takes.
        size: (H, W); by default the model's own.
        threads: cores for a bundle.
        floating: evaluate a checkpoint as it was trained, in floating point.

    Raises:
        UsageError: unknown or unusable model, a size that does not fit, or ``floating`` for anything but a checkpoint.
        ToolchainError: a bundle that this host cannot run.
    """
    if Path(model).is_dir() and not floating:
        return _bundle(model, size, threads)
    if floating:
        return _floating(model, size)
    if model.endswith(_CHECKPOINT_SUFFIX):
        return _integers(model, size)
    loaded = load(model, input_size=size)
    names = [entry.name for entry in loaded.classes]
    predict = integer_labels(loaded.network)
    return Subject(loaded.name, bool(loaded.width), names, loaded.input_size, "integer", predict)


def _bundle(path: str, size: Size | None, threads: int) -> Subject:
    runner = Runner.load(path, threads)
    manifest = runner.manifest
    if size not in (None, manifest.input_size):
        wanted, got = _by(manifest.input_size), _by(size)
        raise UsageError(f"--size: expected {wanted}, the size that the bundle was compiled for, got {got}", "omit it")
    names = [entry.name for entry in manifest.classes]
    return Subject(manifest.name, bool(manifest.width), names, manifest.input_size, "bundle", labels_only(runner.run))


def _floating(model: str, size: Size | None) -> Subject:
    if not model.endswith(_CHECKPOINT_SUFFIX):
        raise UsageError(f"--float: expected a checkpoint, got '{model}'", "give a .safetensors file, or omit --float")
    network, _ = load_checkpoint(model)
    return _trained(model, network.config, size, "float", float_labels(network))


def _integers(model: str, size: Size | None) -> Subject:
    network, calibration = load_checkpoint(model)
    if len(network.config.classes) == 2:
        return _trained(model, network.config, size, "integer", integer_scores(network, calibration))
    return _trained(model, network.config, size, "integer", integer_labels(freeze(network, calibration)))


def _trained(path: str, config: SegmentationConfig, size: Size | None, numerics: Numerics, predict: Predict) -> Subject:
    taken = size or config.input_size
    check_size(taken, STRIDE)
    return Subject(Path(path).stem, True, [entry.name for entry in config.classes], taken, numerics, predict)


def _by(size: Size | None) -> str:
    return "x".join(map(str, size or ()))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown}, ..." if len(names) > 6 else shown
