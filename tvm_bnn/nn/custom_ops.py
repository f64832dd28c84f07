"""The integer operators as torch operators, so that ``torch.export`` keeps each of them whole.

Importing this module registers, for every kind in :data:`tvm_bnn.ops.OPERATORS`,
``tvm_bnn::integer_<kind>(Tensor[] inputs, str spec, str name) -> Tensor[]``. ``inputs`` follow the operator's
``inputs()``; ``spec`` is its signature for any spatial size, since the size is read off the first input; ``name`` says
where in the user's model the operator came from, and is only carried along. They run the NumPy reference.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tvm_bnn.ops import OPERATORS, Operator, operator_from_signature

NAMESPACE = "tvm_bnn"
_SCHEMA = "(Tensor[] inputs, str spec, str name) -> Tensor[]"


def operator_of(kind: str) -> Any:
    """The torch operator of a kind."""
    return getattr(getattr(torch.ops, NAMESPACE), _torch_name(kind))


def node_name(kind: str) -> str:
    """The name an exported graph gives to the operator of this kind."""
    return f"{_torch_name(kind)}.default"


def _torch_name(kind: str) -> str:
    # Not the kind alone: importers know nodes by name, and torch has a conv2d of its own.
    return f"integer_{kind}"


_parse = functools.lru_cache(maxsize=1024)(operator_from_signature)


def _operator(inputs: list[Tensor], spec: str) -> Operator:
    # Shapes are static: a symbolic extent is specialised to the number it stands for.
    return _parse(spec).at(tuple(int(extent) for extent in inputs[0].shape))


def _compute(inputs: list[Tensor], spec: str, name: str) -> list[Tensor]:
    arrays = (tensor.numpy(force=True) for tensor in inputs)
    outputs = _operator(inputs, spec).reference(*arrays)
    # A copy, for torch forbids outputs that share memory with inputs.
    return [torch.from_numpy(np.array(output)) for output in outputs]


def _shapes(inputs: list[Tensor], spec: str, name: str) -> list[Tensor]:
    outputs = _operator(inputs, spec).outputs()
    return [inputs[0].new_empty(output.shape, dtype=getattr(torch, output.dtype)) for output in outputs]


for _kind in OPERATORS:
    torch.library.custom_op(
        f"{NAMESPACE}::{_torch_name(_kind)}", _compute, mutates_args=(), schema=_SCHEMA
    ).register_fake(_shapes)
