"""Torch layers of binary networks, and how a trained network becomes an integer one."""

from tvm_bnn.nn.activation import RPReLU, Uint8Activation
from tvm_bnn.nn.anchors import AnchorPool
from tvm_bnn.nn.attention import AnchorAttention, PooledBinaryAttention
from tvm_bnn.nn.conv import BinaryConv2d
from tvm_bnn.nn.freeze import freeze
from tvm_bnn.nn.gate import ChannelGate
from tvm_bnn.nn.integer import IntegerNetwork, Step
from tvm_bnn.nn.linear import BinaryLinear
from tvm_bnn.nn.quantise import ActivationCodes
from tvm_bnn.nn.real import RealConv2d
from tvm_bnn.nn.scores import UpsampleScores
from tvm_bnn.nn.shortcut import RepeatChannels
from tvm_bnn.nn.sign import BinarySign
from tvm_bnn.nn.upsample import MultiBranchUpsample

__all__ = [
    "ActivationCodes",
    "AnchorAttention",
    "AnchorPool",
    "BinaryConv2d",
    "BinaryLinear",
    "BinarySign",
    "ChannelGate",
    "IntegerNetwork",
    "MultiBranchUpsample",
    "PooledBinaryAttention",
    "RPReLU",
    "RealConv2d",
    "RepeatChannels",
    "Step",
    "Uint8Activation",
    "UpsampleScores",
    "freeze",
]
