"""A network without training whose numbers are nevertheless alive: for tuning, profiling and trying out."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from tvm_bnn.models.config import SegmentationConfig
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn import BinarySign, RealConv2d
from tvm_bnn.nn.binary import BinaryLayer
from tvm_bnn.nn.calibration import fixed_order, synthetic_pictures

CALIBRATION_SIZE = (64, 64)
CALIBRATION_PICTURES = 4

_SHIFT_DEVIATION = 0.1


def untrained_network(config: SegmentationConfig, seed: int) -> tuple[SegmentationNet, Tensor]:
    """A network in evaluation mode with seeded weights, and the pictures that it was calibrated on.

    Batch norms take their statistics from one pass over synthetic pictures, and the head's biases are such that no
    class outweighs the others on them. Weights come from NumPy's generator, and everything is computed in double
    precision on one thread: the same seed gives the same network whatever the size of the input, the number of
    threads or the machine.

    Args:
        config: what to build.
        seed: of the weights.

    Returns:
        the network, and uint8 [4, 3, 64, 64] for :func:`tvm_bnn.nn.freeze`.
    """
    # The constructors draw from torch's generator, whose state is the caller's.
    with torch.random.fork_rng(devices=[]):
        network = SegmentationNet(config).double()
    _seed_weights(network, seed)
    pictures = synthetic_pictures(CALIBRATION_PICTURES, CALIBRATION_SIZE)
    with torch.no_grad(), fixed_order():
        scores = _set_statistics(network, pictures)
        assert network.head.bias is not None
        network.head.bias.sub_(scores.mean(dim=(0, 2, 3)))
    return network.eval(), pictures


def _seed_weights(network: nn.Module, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for layer in network.modules():
        if isinstance(layer, BinaryLayer | RealConv2d):
            shape = tuple(layer.weight.shape)
            values = generator.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
            layer.weight.data = torch.from_numpy(values)
        if isinstance(layer, BinaryLayer):
            layer.reset_scale()
        elif isinstance(layer, BinarySign):
            # Training moves thresholds apart, and layers with equal ones would share their bits.
            layer.shift.data = torch.from_numpy(_SHIFT_DEVIATION * generator.standard_normal(layer.shift.shape))


def _set_statistics(network: nn.Module, pictures: Tensor) -> Tensor:
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        # One pass is enough: every layer already sees what the layers before it yield with these statistics.
        norm.momentum = 1.0
    scores: Tensor = network.train()(pictures)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum
    return scores
