"""Which vector instructions a kernel is made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from tvm_bnn._tvm import build
from tvm_bnn.ops import Operator
from tvm_bnn.reporting.facts import Plan
from tvm_bnn.targets import Target

Mix = tuple[tuple[str, int], ...]
_VECTOR = re.compile(r"^\s+([a-z][\w.]*)\s.*(?:%[xyz]mm\d|\b[vq]\d+\b)", re.MULTILINE)
_MOST = 12


def vector_instructions(assembly: str) -> Mix:
    """The most frequent instructions on vector registers and how often they stand in the text, not how often they run.

    Args:
        assembly: of x86-64 in AT&T syntax, or of AArch64.
    """
    return tuple(Counter(_VECTOR.findall(assembly)).most_common(_MOST))


def instruction_mixes(plans: Mapping[str, Plan], target: Target, threads: int) -> dict[str, Mix]:
    """Compile every kernel and count; by the name of the operator. Equal kernels are compiled once."""
    known: dict[tuple[Operator, str, str], Mix] = {}
    mixes = {}
    for name, plan in plans.items():
        key = (plan.operator, plan.choice.row.lowering.name, plan.choice.point.key)
        if key not in known:
            scheduled = plan.choice.scheduled(plan.operator, target, threads)
            known[key] = vector_instructions(_assembly(build(scheduled, target.tvm_target(threads)).mod))
        mixes[name] = known[key]
    return mixes


def _assembly(module: object) -> str:
    """Text of the module and of those that it imports."""
    imported: Iterable[object] = getattr(module, "imports", ())
    own = module.inspect_source("asm") if getattr(module, "kind", "") == "llvm" else ""  # type: ignore[attr-defined]
    return own + "".join(map(_assembly, imported))
