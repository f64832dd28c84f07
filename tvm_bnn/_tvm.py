"""The only place that knows this TVM version's names and the ways around its traps.

apache-tvm 0.27 renamed ``tir`` to ``tirx`` and keeps schedules and MetaSchedule in ``s_tir``; other modules import
TVM from here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tvm_bnn.threads import offer_all_cores

offer_all_cores()

import tvm
import tvm_ffi
from tvm import ir, relax, s_tir, te, tirx
from tvm.s_tir import meta_schedule
from tvm.script import tirx as T

from tvm_bnn.deploy.machine_code import serve_compiler

__all__ = [
    "T",
    "all_lanes",
    "build",
    "dtype_cast",
    "ir",
    "lanes_of",
    "llvm_call",
    "mask_word",
    "meta_schedule",
    "relax",
    "s_tir",
    "some_lanes",
    "te",
    "tirx",
    "tvm",
]


def mask_word(mask: Any) -> Any:
    """A vector of 32 comparisons read as one int32: one instruction where the hardware has masks.

    TVM's ``reinterpret`` checks sizes before it knows that the loads are vectors, hence the direct call.
    """
    return ir.Call(ir.Op.get("tirx.reinterpret"), [mask], ret_ty=ir.PrimType("int32"))


def dtype_cast(dtype: str, value: Any) -> Any:
    """Cast a scalar expression."""
    return tirx.Cast(dtype, value)


def _serve_machine_code(target: Any) -> None:
    """TVM asks for machine code while it compiles, where its part for GPUs is loaded."""
    if target["kind"] == "cuda":
        serve_compiler(target["arch"], tvm_ffi)


def build(function: Any, target: Any) -> Any:
    """Compile one scheduled function to a runtime module whose only entry is ``main``."""
    _serve_machine_code(target)
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


def linked_under(module: Any, prefix: str) -> Any:
    """The Relax module, to be compiled for linking into programs: its functions register themselves by that prefix."""
    return module.with_attr("system_lib_prefix", prefix)


def build_executable(module: Any, target: Any) -> Any:
    """Executable of a Relax module that has been through all of its own phases."""
    _serve_machine_code(target)
    return relax.build(module, target=tvm.target.Target(target), relax_pipeline=None)


def register_intrinsic(name: str, meaning: Any, instruction: Any) -> None:
    """Make a tensor intrinsic known to schedules under ``name``; again is harmless."""
    s_tir.TensorIntrin.register(name, meaning, instruction, override=True)


def register_vector_operator(
    name: str, dtype: str, lowered: Callable[..., Any], scalar: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """An operator without side effects that becomes a vector one where its loop does.

    Args:
        name: of the operator.
        dtype: of one element of its result.
        lowered: from the arguments, vectors or not, to what LLVM shall compute.
        scalar: from the arguments, no vectors, to what a thread of a GPU shall compute; None where none ever does.

    Returns:
        What calls the operator on elements.
    """
    full = f"tirx.{name}"
    pure = 1
    ir.register_op_attr(full, "TVectorizable", True)
    ir.register_op_attr(full, "TScriptPrinterName", name)
    ir.register_op_attr(full, "TCallEffectKind", pure)
    tirx.op.register_intrin_lowering(full, target="llvm", f=lambda call: lowered(*call.args))
    if scalar is not None:
        tirx.op.register_intrin_lowering(full, target="cuda", f=lambda call: scalar(*call.args))
    return lambda *arguments: ir.Call(ir.Op.get(full), list(arguments), ret_ty=ir.PrimType(dtype))


# TVM's own rule for CUDA knows unsigned numbers only.
tirx.op.register_intrin_lowering(
    "tirx.popcount", target="cuda", f=lambda call: tirx.call_pure_extern("int32", "__popc", *call.args), level=11
)


def reads_whole(schedule: Any, block: Any, name: str) -> None:
    """Say that a block may read any element of the buffer whose name begins so: an index that is data has no bounds.

    The schedule's own method wants as many ranges as the block has loops.
    """
    from tvm.s_tir.schedule import _ffi_api

    kind, found = 0, schedule.get(block)
    number, region = next((i, r) for i, r in enumerate(found.reads) if str(r.source.name).startswith(name))
    ranges = [bound for extent in region.source.shape for bound in (tirx.const(0, "int32"), extent)]
    index_map = tirx.IndexMap([var.var for var in found.iter_vars], ranges, None)
    _ffi_api.ScheduleAnnotateBufferAccess(schedule, block, number, kind, index_map)


def viewed_parameter(function: Any, name: str, shape: tuple[int, ...], dtype: str) -> Any:
    """The function with another shape and type of one parameter; inside, the memory is what it was."""
    (inner,) = (parameter for parameter in function.params if str(parameter.name) == name)
    outer = tirx.decl_buffer(shape, dtype, name)
    parameters = [outer if parameter.same_as(inner) else parameter for parameter in function.params]
    body = tirx.SeqStmt([tirx.DeclBuffer(inner, data=outer.data), function.body])
    return tirx.PrimFunc(parameters, body, function.ret_type, function.attrs)


def joined_parameters(function: Any, written: str, read: str) -> Any:
    """The function with two parameters, one written first and one read then, as one buffer of its own."""
    named = {str(parameter.name): parameter for parameter in function.params}
    own = [tirx.AllocBuffer(named[written]), tirx.DeclBuffer(named[read], data=named[written].data)]
    rest = [parameter for name, parameter in named.items() if name not in (written, read)]
    return tirx.PrimFunc(rest, tirx.SeqStmt([*own, function.body]), function.ret_type, function.attrs)


_CUDA_HELPERS: dict[str, str] = {}


def add_cuda_helper(name: str, source: str) -> None:
    """Put a device function before every CUDA source that calls it; again is harmless."""
    _CUDA_HELPERS[name] = source
    tvm.register_global_func("tvm_callback_cuda_postproc", _with_helpers, override=True)


def _with_helpers(source: str, *_: Any) -> str:
    return "".join([*(helper for name, helper in _CUDA_HELPERS.items() if name in source), source])


def cuda_sources(module: Any) -> list[str]:
    """The CUDA C of a compiled module or executable, one text for each of the device modules inside."""
    imports = [inner for outer in module.imports for inner in (outer, *outer.imports)]
    return [str(found.inspect_source()) for found in imports if found.kind == "cuda"]


@contextmanager
def without_library(executable: Any) -> Iterator[None]:
    """Take the compiled code out of an executable for a while; its virtual machine then looks for global functions."""
    libraries = list(executable.mod.imports)
    executable.mod.clear_imports()
    try:
        yield
    finally:
        for library in libraries:
            executable.mod.import_module(library)


@contextmanager
def served_functions(functions: Mapping[str, Callable[..., None]]) -> Iterator[None]:
    """Let TVM find functions by their names for a while."""
    from tvm_ffi.registry import register_global_func, remove_global_func

    for name, function in functions.items():
        register_global_func(name, function)
    try:
        yield
    finally:
        for name in functions:
            remove_global_func(name)


def lanes_of(value: Any) -> int:
    """How many elements an expression has: 1 if it is no vector."""
    _, _, lanes = str(value.ty).partition("x")
    return int(lanes or 1)


def llvm_call(dtype: str, name: str, *arguments: Any) -> Any:
    """A call of an LLVM intrinsic without side effects."""
    return tirx.call_llvm_pure_intrin(dtype, name, *arguments)


def some_lanes(value: Any, first: int, count: int) -> Any:
    """``count`` neighbouring lanes of a vector."""
    return tirx.Shuffle([value], [tirx.const(first + i, "int32") for i in range(count)])


def all_lanes(values: list[Any]) -> Any:
    """The lanes of several vectors of the same type, one after the other."""
    if len(values) == 1:
        return values[0]
    return tirx.Shuffle(values, [tirx.const(i, "int32") for i in range(sum(map(lanes_of, values)))])
