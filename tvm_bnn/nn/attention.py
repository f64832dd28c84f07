"""Attention over a few anchors with binary queries, keys and values, and what stands for it in a real twin.

Every position of a map asks a few averages of it, the anchors, instead of every other position: N S products instead
of N^2. Averaging commutes with 1x1 projections, so the anchors are made first and only they are projected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tvm_bnn.errors import UsageError
from tvm_bnn.nn.anchors import PYRAMID, AnchorPool
from tvm_bnn.nn.gate import ChannelGate
from tvm_bnn.nn.precision import full_precision
from tvm_bnn.nn.quantise import ActivationCodes, round_half_up
from tvm_bnn.nn.sign import BinarySign
from tvm_bnn.nn.twin import convolution
from tvm_bnn.ops.attention import WEIGHT_MAX


class AnchorAttention(nn.Module):
    """The products: softmax(temperature sign(q) . sign(k)) over the anchors, times few-bit values.

    The score of an anchor depends on the number d of channels in which the signs differ alone, and its weight
    on d - min d: ``round(255 exp(-2 temperature (d - min d)))``, one of Ck + 1 numbers. The temperature is learned
    and the same for every picture. Values are divided by the sum of the weights last.

    Args:
        key_channels: Ck of queries and keys.
        value_channels: Cv.
        value_bits: 1 for signs, or up to 8 for codes with a learned step.

    Raises:
        UsageError: ``value_bits`` or channels out of range.
    """

    def __init__(self, key_channels: int, value_channels: int, value_bits: int = 1) -> None:
        super().__init__()
        if min(key_channels, value_channels) < 1:
            raise UsageError(f"AnchorAttention: expected positive channels, got {key_channels} and {value_channels}")
        self.key_channels = key_channels
        self.value_channels = value_channels
        self.query_quantiser = BinarySign(key_channels)
        self.key_quantiser = BinarySign(key_channels)
        self.value_quantiser: BinarySign | ActivationCodes = (
            BinarySign(value_channels) if value_bits == 1 else ActivationCodes(value_bits, bipolar=True)
        )
        # The scale of dot-product attention: scores of random signs then have unit variance.
        self.log_temperature = nn.Parameter(torch.tensor(-0.5 * math.log(key_channels)))

    @property
    def temperature(self) -> Tensor:
        """What scores are multiplied by: a positive number."""
        return torch.exp(self.log_temperature)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Mix values.

        Args:
            query: real [N, Ck, H, W].
            key: real [N, Ck, 1, S].
            value: real [N, Cv, 1, S].

        Returns:
            [N, Cv, H, W].
        """
        # Few products, and weights that are told apart by small differences.
        with full_precision(query):
            return self._mixed(query, key, value)

    def _mixed(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        queries, keys = self.query_quantiser(query).flatten(2), self.key_quantiser(key).flatten(2)
        values = self.value_quantiser(value).flatten(2)
        scores = self.temperature * torch.einsum("ncp,ncs->nps", queries, keys)
        weights = round_half_up(WEIGHT_MAX * torch.exp(scores - scores.amax(-1, keepdim=True)))
        mixed = torch.einsum("nps,ncs->ncp", weights, values) / weights.sum(-1).unsqueeze(1)
        return (mixed * self.value_quantiser.step).unflatten(2, query.shape[2:])


class DenseAttention(nn.Module):
    """What :class:`AnchorAttention` is compared with: real attention of every position to every position."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Mix values: queries and keys [N, Ck, H, W], values [N, Cv, H, W]; the result is like the values."""
        queries, keys, values = (operand.flatten(2).transpose(1, 2) for operand in (query, key, value))
        mixed: Tensor = functional.scaled_dot_product_attention(queries, keys, values)
        return mixed.transpose(1, 2).unflatten(2, query.shape[2:])


class PooledBinaryAttention(nn.Module):
    """A map [N, C, H, W] plus what it says about itself elsewhere, in two parts; the result has its shape.

    Spatial: :class:`AnchorAttention` of the map's binary projections to those of its anchors, normalised. Anchors are
    normalised before their signs are taken, for their deviations from each other are small. Channel: the result is
    scaled by the sigmoid of a binary projection of the map's mean, as in squeeze-and-excitation (Hu et al. 2018).
    Pooling keys and values is Asymmetric Non-local's (Zhu et al. 2019); the combination is ours.

    The gradient of a sign is 0 for values beyond 1, which are just those of the few anchors that stand out: with
    signs from the first step on, attention to them is hardly ever learned. Hence :meth:`soften`.

    Example::

        block = nn.Sequential(BinaryConv2d(64, 128, stride=2), nn.BatchNorm2d(128), PooledBinaryAttention(128))

    Args:
        channels: C, of the values too.
        key_channels: Ck.
        grids: of the anchors.
        value_bits: 1..8.
        real: whether this is the real twin: real projections and attention of all positions to all.

    Raises:
        UsageError: arguments out of range.
    """

    def __init__(
        self,
        channels: int,
        key_channels: int = 64,
        grids: Sequence[int] = PYRAMID,
        value_bits: int = 1,
        real: bool = False,
    ) -> None:
        super().__init__()
        self.anchors = nn.Identity() if real else nn.Sequential(AnchorPool(grids), nn.BatchNorm2d(channels))
        self.query = _projection(channels, key_channels, real)
        self.key = _projection(channels, key_channels, real)
        self.value = _projection(channels, channels, real)
        self.attend = DenseAttention() if real else AnchorAttention(key_channels, channels, value_bits)
        self.norm = nn.BatchNorm2d(channels)
        self.squeeze = nn.Sequential(AnchorPool((1,)), nn.BatchNorm2d(channels))
        self.excite = _projection(channels, channels, real)
        self.gate = ChannelGate()

    def soften(self, softness: float) -> None:
        """Let every sign in here pass so large a share of its real input: 1 at the start of training, 0 in use."""
        for layer in self.modules():
            if isinstance(layer, BinarySign):
                layer.softness = softness

    def forward(self, x: Tensor) -> Tensor:
        """Attend."""
        anchors = self.anchors(x)
        context = self.norm(self.attend(self.query(x), self.key(anchors), self.value(anchors)))
        gated: Tensor = self.gate(context, self.excite(self.squeeze(x)))
        return x + gated


def _projection(in_channels: int, out_channels: int, real: bool) -> nn.Module:
    return nn.Sequential(convolution(in_channels, out_channels, 1, real=real), nn.BatchNorm2d(out_channels))
