"""Capture a torch module with ``torch.export`` and import it into Relax, binary layers left whole.

An abstract operator is ``call_pure_packed("tvm_bnn.<kind>", data..., parameters..., signature, name)``: its signature
and its place in the user's model travel as strings, so a dump can be read and nothing about bits has been decided.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from tvm_bnn._tvm import import_exported_program, ir, relax, tvm
from tvm_bnn.errors import UsageError
from tvm_bnn.nn import custom_ops
from tvm_bnn.ops import OPERATORS, TensorSpec, operator_from_signature

PREFIX = "tvm_bnn."
"""Names of abstract operators begin with it."""


def capture(network: torch.nn.Module, shape: tuple[int, ...]) -> Any:
    """The Relax module of ``network`` for pictures uint8 ``shape`` [N, H, W, 3].

    Raises:
        UsageError: where torch cannot export the network or Relax does not know one of its operators.
    """
    example = torch.zeros(shape, dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(network, (example,))
    except Exception as error:
        raise UsageError(f"the network cannot be exported: {_first_line(error)}", _EXPORT_HINT) from error
    try:
        return import_exported_program(program, _converters())
    except (AssertionError, NotImplementedError, ValueError, tvm.error.InternalError) as error:
        raise cannot_be_lowered(error) from error


_EXPORT_HINT = "forward() must be free of data-dependent control flow; see torch.export"
_LOWER_HINT = "replace the operator named, or build it from tvm_bnn.nn layers"


def cannot_be_lowered(error: Exception) -> UsageError:
    """The error for an ordinary operator that Relax or TVM does not know."""
    return UsageError(f"the network cannot be lowered: {_first_line(error)}", _LOWER_HINT)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _converters() -> dict[str, Callable[[Any, Any], Any]]:
    converters: dict[str, Callable[[Any, Any], Any]] = {custom_ops.node_name(kind): _convert for kind in OPERATORS}
    return converters | dict.fromkeys(("upsample_nearest2d.vec", "upsample_nearest2d.default"), _nearest)


def _nearest(node: Any, importer: Any) -> Any:
    """Nearest upsampling as torch does it: pixel floor(i h / H). Relax's importer takes another one."""
    height, width = (int(extent) for extent in node.meta["val"].shape[2:])
    resized = relax.op.image.resize2d(
        importer.env[node.args[0]],
        relax.ShapeExpr((height, width)),
        layout="NCHW",
        method="nearest_neighbor",
        coordinate_transformation_mode="asymmetric",
        rounding_method="floor",
    )
    return importer.block_builder.emit(resized)


def _convert(node: Any, importer: Any) -> Any:
    """One exported node as an abstract operator."""
    inputs, signature, name = node.args
    arguments = [importer.env[value] for value in inputs]
    operator = operator_from_signature(signature).at(tuple(int(extent) for extent in arguments[0].ty.shape))
    types = [tensor_type(spec) for spec in operator.outputs()]
    call = relax.call_pure_packed(
        PREFIX + operator.kind,
        *arguments,
        ir.StringImm(operator.signature),
        ir.StringImm(name),
        ty_args=relax.TupleType(types),
    )
    return importer.block_builder.emit(call)


def tensor_type(spec: TensorSpec) -> Any:
    """The Relax type of a tensor."""
    return relax.TensorType(spec.shape, spec.dtype)
