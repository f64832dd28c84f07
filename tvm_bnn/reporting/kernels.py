"""What kernels are made of: the steps that arranged their loops, and their vector instructions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tvm_bnn._tvm import build
from tvm_bnn.ops import Operator
from tvm_bnn.reporting.facts import Plan
from tvm_bnn.targets import Target

Mix = tuple[tuple[str, int], ...]
_VECTOR = re.compile(r"^\s+([a-z][\w.]*)\s.*(?:%[xyz]mm\d|\b[vq]\d+\b)", re.MULTILINE)
_MOST = 12
_USUAL_ARGUMENTS = re.compile(
    r", (?:func_name=\"main\"|preserve_unit_iters=True|preserve_unit_loops=True|disable_predication=False|index=-1)"
)
_FIRST_NAME = re.compile(r"\((?:block|loop|block_or_loop|name)=")


@dataclass(frozen=True)
class Kernel:
    """One piece of machine code and who runs it.

    Attributes:
        operators: names, in the order of execution.
        trace: the schedule that made its loops, as TVM's own steps; arguments that are always the same are left out.
        mix: the most frequent vector instructions.
    """

    operators: tuple[str, ...]
    trace: str
    mix: Mix


def vector_instructions(assembly: str) -> Mix:
    """The most frequent instructions on vector registers and how often they stand in the text, not how often they run.

    Args:
        assembly: of x86-64 in AT&T syntax, or of AArch64.
    """
    return tuple(Counter(_VECTOR.findall(assembly)).most_common(_MOST))


def compiled_kernels(plans: Mapping[str, Plan], target: Target, threads: int) -> tuple[Kernel, ...]:
    """Compile and read every kernel that a network needs, each once.

    Args:
        plans: by the name of the operator.
        target: a CPU.
        threads: that the kernels use.
    """
    users: dict[tuple[Operator, str, str], list[str]] = {}
    for name, plan in plans.items():
        key = (plan.operator, plan.choice.row.lowering.name, plan.choice.point.key)
        users.setdefault(key, []).append(name)
    return tuple(_kernel(names, plans[names[0]], target, threads) for names in users.values())


def _kernel(names: Sequence[str], plan: Plan, target: Target, threads: int) -> Kernel:
    scheduled = plan.choice.scheduled(plan.operator, target, threads)
    mix = vector_instructions(_assembly(build(scheduled, target.tvm_target(threads)).mod))
    return Kernel(tuple(names), shortened_trace(plan.choice.trace(plan.operator, target, threads)), mix)


def shortened_trace(trace: str) -> str:
    """Steps alone: no function around them, no name of a first argument, no argument that never differs."""
    steps = (line.strip() for line in trace.splitlines() if line.startswith("  "))
    return "\n".join(_FIRST_NAME.sub("(", _USUAL_ARGUMENTS.sub("", step)) for step in steps)


def _assembly(module: object) -> str:
    """Text of the module and of those that it imports."""
    imported: Iterable[object] = getattr(module, "imports", ())
    own = module.inspect_source("asm") if getattr(module, "kind", "") == "llvm" else ""  # type: ignore[attr-defined]
    return own + "".join(map(_assembly, imported))
