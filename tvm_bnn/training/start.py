"""What a run begins with: a preset with seeded weights, or a trained network to go on from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.datasets import Size
from tvm_bnn.errors import UsageError
from tvm_bnn.models.checkpoint import read_checkpoint
from tvm_bnn.models.config import STRIDE, SegmentationConfig, check_size
from tvm_bnn.models.presets import preset
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import freeze
from tvm_bnn.nn.calibration import synthetic_pictures

_CHECKPOINT_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Start:
    """A network before training.

    Attributes:
        network: for the classes and the size of the data.
        name: what it came from, in a word or two that no other start has.
        new: names of the weights that a checkpoint did not have in this shape, so that they begin at random.
    """

    network: SegmentationNet
    name: str
    new: tuple[str, ...]

    def check(self) -> None:
        """See, before rather than after training, that a network that is to become integers can do so at its size.

        Raises:
            UsageError: what stands in the way.
        """
        config = self.network.config
        if config.design.integer:
            freeze(self.network, synthetic_pictures(1, config.input_size))


def make_start(
    model: str, width: str, classes: Sequence[ClassInfo], size: Size, seed: int, *, twin: bool = False
) -> Start:
    """A network by the name of a preset or the path of a checkpoint.

    A checkpoint may know other classes: whatever has the same shape all the same is taken over.

    Args:
        model: a preset or a checkpoint.
        width: of a preset.
        classes: of the data.
        size: (H, W) of its pictures.
        seed: of random weights.
        twin: take the preset's twin, whose weights and activations are real.

    Raises:
        UsageError: unknown preset, an unusable checkpoint, the twin of a checkpoint, or a size that is no multiple of
            32.
    """
    check_size(size, STRIDE)
    if ":" in model:
        raise UsageError(
            f"model: expected a preset or a checkpoint to train, got '{model}'",
            "a network of your own needs a training loop of your own; then tvm-bnn evaluate, tune and compile take it",
        )
    if model.endswith(_CHECKPOINT_SUFFIX):
        if twin:
            raise UsageError(f"--twin: expected a preset, got '{model}'", "a checkpoint is what it was trained as")
        return _from_checkpoint(model, classes, size, seed)
    chosen = preset(model, width)
    design = dataclasses.replace(chosen.design, real=twin)
    config = dataclasses.replace(chosen, classes=tuple(classes), input_size=size, design=design)
    return Start(seeded_network(config, seed), f"{model} {width} twin" if twin else f"{model} {width}", ())


def _from_checkpoint(path: str, classes: Sequence[ClassInfo], size: Size, seed: int) -> Start:
    checkpoint = read_checkpoint(path)
    if checkpoint.packed:
        raise UsageError(
            f"model: expected a checkpoint that can be trained further, got a packed one at '{path}'",
            "of its binary weights only the signs are left; give the model.safetensors of a training run",
        )
    trained = checkpoint.network
    network = seeded_network(dataclasses.replace(trained.config, classes=tuple(classes), input_size=size), seed)
    own, known = network.state_dict(), trained.state_dict()
    fitting = {name: tensor for name, tensor in known.items() if tensor.shape == own[name].shape}
    network.load_state_dict(own | fitting)
    return Start(network, checkpoint_name(path), tuple(name for name in own if name not in fitting))


def checkpoint_name(path: str) -> str:
    """A name that goes with the contents of a file and not with its place."""
    return f"checkpoint {hashlib.sha256(Path(path).read_bytes()).hexdigest()[:12]}"


def seeded_network(config: SegmentationConfig, seed: int) -> SegmentationNet:
    """A network with random weights."""
    # The constructors draw from torch's generator, whose state is the caller's.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SegmentationNet(config)
