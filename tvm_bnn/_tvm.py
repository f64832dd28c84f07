"""The only place that knows this TVM version's names and the ways around its traps.

apache-tvm 0.27 renamed ``tir`` to ``tirx`` and keeps schedules and MetaSchedule in ``s_tir``; other modules import
TVM from here.
"""

from __future__ import annotations

import inspect
import sys
from types import FrameType
from typing import Any

import tvm
from tvm import ir, relax, s_tir, te, tirx
from tvm.s_tir import meta_schedule

__all__ = ["build", "dtype_cast", "ir", "meta_schedule", "relax", "s_tir", "sign_word", "te", "tirx", "tvm"]


def sign_word(left: Any, right: Any, start: Any, lanes: int, index: tuple[Any, ...]) -> Any:
    """One int32 word whose bit i is ``left[*index, start + i] >= right[start + i]``.

    A compare of vectors, its mask read as an integer: one instruction and a mask move where the hardware has masks.
    TVM's ``reinterpret`` checks sizes before it knows that the loads are vectors, hence the direct call.
    """
    vector = tirx.Ramp(start, 1, lanes)
    mask = left[(*index, vector)] >= right[vector]
    return ir.Call(ir.Op.get("tirx.reinterpret"), [mask], ret_ty=ir.PrimType("int32"))


def dtype_cast(dtype: str, value: Any) -> Any:
    """Cast a scalar expression."""
    return tirx.Cast(dtype, value)


def build(function: Any, target: Any) -> Any:
    """Compile one scheduled function to a runtime module whose only entry is ``main``."""
    return tvm.compile(ir.IRModule({"main": function.with_attr("global_symbol", "main")}), target=target)


def _module_of_frame(frame: FrameType) -> Any:
    return sys.modules.get(frame.f_globals["__name__"])


def import_tensor_intrinsics() -> None:
    """Register TVM's stock tensor intrinsics without the half minute that ``inspect.getmodule`` costs per frame."""
    original = inspect.getmodule
    inspect.getmodule = lambda frame, *_: _module_of_frame(frame)  # type: ignore[assignment,misc]
    try:
        import tvm.s_tir.tensor_intrin  # noqa: F401
    finally:
        inspect.getmodule = original
