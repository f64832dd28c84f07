"""Operators: what is computed. Each has a signature, its algebra in the docstring and a NumPy integer reference."""

from tvm_bnn.ops.anchors import AnchorPool
from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.ops.base import AccumulatingOperator, Cost, Operator, Products
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.epilogue import Epilogue
from tvm_bnn.ops.gate import ChannelGate
from tvm_bnn.ops.labels import Labels
from tvm_bnn.ops.real_conv2d import RealConv2d
from tvm_bnn.ops.registry import OPERATORS, operator_from_dict, operator_from_signature
from tvm_bnn.ops.stream import AvgPool2d, Bitpack, Upsample2x
from tvm_bnn.ops.tensors import TensorSpec

__all__ = [
    "OPERATORS",
    "AccumulatingOperator",
    "AnchorPool",
    "AvgPool2d",
    "Bitpack",
    "ChannelGate",
    "Conv2d",
    "Cost",
    "Dense",
    "Epilogue",
    "Labels",
    "Operator",
    "PooledAttention",
    "Products",
    "RealConv2d",
    "TensorSpec",
    "Upsample2x",
    "operator_from_dict",
    "operator_from_signature",
]
