"""The only place that knows this TVM version's names and the ways around its traps.

apache-tvm 0.27 renamed ``tir`` to ``tirx`` and keeps schedules and MetaSchedule in ``s_tir``; other modules import
TVM from here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tvm_bnn.threads import offer_all_cores

offer_all_cores()

import tvm
from tvm import ir, relax, s_tir, te, tirx
from tvm.s_tir import meta_schedule
from tvm.script import tirx as T

__all__ = [
    "T",
    "build",
    "dtype_cast",
    "ir",
    "lanes_of",
    "llvm_call",
    "meta_schedule",
    "relax",
    "s_tir",
    "sign_word",
    "te",
    "tirx",
    "tvm",
]


def sign_word(
    left: Any, right: Any, start: Any, lanes: int, index: tuple[Any, ...], right_index: tuple[Any, ...] = ()
) -> Any:
    """One int32 word whose bit i is ``left[*index, start + i] >= right[*right_index, start + i]``.

    A compare of vectors, its mask read as an integer: one instruction and a mask move where the hardware has masks.
    TVM's ``reinterpret`` checks sizes before it knows that the loads are vectors, hence the direct call.
    """
    vector = tirx.Ramp(start, 1, lanes)
    mask = left[(*index, vector)] >= right[(*right_index, vector)]
    return ir.Call(ir.Op.get("tirx.reinterpret"), [mask], ret_ty=ir.PrimType("int32"))


def dtype_cast(dtype: str, value: Any) -> Any:
    """Cast a scalar expression."""
    return tirx.Cast(dtype, value)


def build(function: Any, target: Any) -> Any:
    """Compile one scheduled function to a runtime module whose only entry is ``main``."""
    return tvm.compile(ir.IRModule({"main": function.with_attr("global_symbol", "main")}), target=target)


def tune_context(**settings: Any) -> Any:
    """A MetaSchedule context, without the half minute its constructor spends registering stock tensor intrinsics.

    The import it makes for that side effect finds a stand-in: none of our spaces uses a stock intrinsic.
    """
    name = "tvm.s_tir.tensor_intrin"
    absent = name not in sys.modules
    if absent:
        sys.modules[name] = ModuleType(name)
    try:
        return meta_schedule.TuneContext(**settings)
    finally:
        if absent:
            del sys.modules[name]


def import_exported_program(program: Any, converters: dict[str, Any]) -> Any:
    """Relax module of a ``torch.export`` program, with converters for torch operators by node name."""
    from tvm.relax.frontend.torch import from_exported_program

    return from_exported_program(program, custom_convert_map=converters, unwrap_unit_return_tuple=True)


def numbered(call: Any, number: int) -> Any:
    """The same call with a number that stays with it through all phases: as the line of its source."""
    span = ir.Span(ir.SourceName("kernel"), number, number, 0, 0)
    return ir.Call(call.op, call.args, call.attrs, call.ty_args, span, call.ty)


def numbers_of_calls(function: Any) -> list[int]:
    """The numbers of all numbered calls in a Relax function, in the order of execution."""
    bindings = (binding.value for block in function.body.blocks for binding in block.bindings)
    spans = (value.span for value in bindings if isinstance(value, ir.Call) and value.span)
    return [int(span.line) for span in spans if str(span.source_name.name) == "kernel"]


def build_executable(module: Any, target: Any) -> Any:
    """Executable of a Relax module that has been through all of its own phases."""
    return relax.build(module, target=tvm.target.Target(target), relax_pipeline=None)


def popen_worker(maximum_uses: int, log: Any) -> Any:
    """A process that runs functions sent to it and is replaced after so many, or when it breaks."""
    from tvm.support.popen_pool import PopenWorker

    return PopenWorker(maximum_uses=maximum_uses, stdout=log, stderr=log)


def register_intrinsic(name: str, meaning: Any, instruction: Any) -> None:
    """Make a tensor intrinsic known to schedules under ``name``; again is harmless."""
    s_tir.TensorIntrin.register(name, meaning, instruction, override=True)


def register_vector_operator(name: str, dtype: str, lowered: Callable[..., Any]) -> Callable[..., Any]:
    """An operator without side effects that becomes a vector one where its loop does.

    Args:
        name: of the operator.
        dtype: of one element of its result.
        lowered: from the arguments, vectors or not, to what LLVM shall compute.

    Returns:
        What calls the operator on elements.
    """
    full = f"tirx.{name}"
    pure = 1
    ir.register_op_attr(full, "TVectorizable", True)
    ir.register_op_attr(full, "TCallEffectKind", pure)
    tirx.op.register_intrin_lowering(full, target="llvm", f=lambda call: lowered(*call.args))
    return lambda *arguments: ir.Call(ir.Op.get(full), list(arguments), ret_ty=ir.PrimType(dtype))


def lanes_of(value: Any) -> int:
    """How many elements an expression has: 1 if it is no vector."""
    _, _, lanes = str(value.ty).partition("x")
    return int(lanes or 1)


def llvm_call(dtype: str, name: str, *arguments: Any) -> Any:
    """A call of an LLVM intrinsic without side effects."""
    return tirx.call_llvm_pure_intrin(dtype, name, *arguments)
