"""The weights of a trained network as it is deployed: one bit for every binary weight.

Only the sign of a binary weight counts, so the network that is read back computes the same; but there is nothing left
in its weights that training could go on with.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tvm_bnn.nn.binary import BinaryLayer

_BITS = ".bits"


def packed(network: nn.Module) -> dict[str, Tensor]:
    """Its state: signs of binary weights as bytes of eight, the first in the lowest bit; all else as it is.

    Raises:
        ValueError: a layer with weights of more than one bit.
    """
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    for name in _binary_weights(network):
        positive = (state.pop(name) >= 0).numpy(force=True)
        state[name + _BITS] = torch.from_numpy(np.packbits(positive, bitorder="little"))
    return state


def unpack_into(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load what :func:`packed` gave: binary weights are +1 and -1.

    Raises:
        KeyError, RuntimeError: another network's.
    """
    whole = dict(state)
    for name, shape in _binary_weights(network).items():
        bits = np.unpackbits(whole.pop(name + _BITS).numpy(), bitorder="little")
        if bits.size != -(-shape.numel() // 8) * 8:
            raise RuntimeError(f"{name}: expected {shape.numel()} weights, got {bits.size}")
        whole[name] = torch.from_numpy(bits[: shape.numel()]).float().mul_(2).sub_(1).view(shape)
    network.load_state_dict(whole)


def _binary_weights(network: nn.Module) -> dict[str, torch.Size]:
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, BinaryLayer)}
    for name, layer in layers.items():
        if layer.weight_bits != 1:
            raise ValueError(f"{name}: expected weights of 1 bit, got {layer.weight_bits}")
    return {f"{name}.weight": layer.weight.shape for name, layer in layers.items()}
