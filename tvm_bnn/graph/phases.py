"""The phases between a captured network and the executable, as one numbered list with a dump after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm_bnn._tvm import build_executable, relax, tvm
from tvm_bnn.files import write_atomic
from tvm_bnn.graph.capture import capture
from tvm_bnn.graph.choose import ChooseLowering, Chooser, Placed
from tvm_bnn.nn.integer import IntegerNetwork
from tvm_bnn.targets import Target

Phase = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True)
class Compiled:
    """An executable network and what it is made of."""

    executable: Any
    operators: tuple[Placed, ...]
    input_shape: tuple[int, ...]
    target: Target
    threads: int


def phases(choose: ChooseLowering) -> list[Phase]:
    """What happens to the Relax module after its capture, in order.

    1. ``choose_lowering``: abstract operators become scheduled kernels with packed weights.
    2. ``legalize``: the user's ordinary operators become loops.
    3. ``fuse``: and are fused.
    4. ``plan_memory``: destination passing, static memory, calls of the virtual machine.
    """
    t = relax.transform
    return [
        ("choose_lowering", choose),
        ("legalize", tvm.transform.Sequential([t.CanonicalizeBindings(), t.LegalizeOps()])),
        ("fuse", tvm.transform.Sequential([t.AnnotateTIROpPattern(), t.FoldConstant(), t.FuseOps(), t.FuseTIR()])),
        ("plan_memory", _memory()),
    ]


def _memory() -> Any:
    t = relax.transform
    return tvm.transform.Sequential(
        [
            t.RewriteDataflowReshape(),
            t.ToNonDataflow(),
            t.RemovePurityChecking(),
            t.CallTIRRewrite(),
            t.StaticPlanBlockMemory(),
            t.LowerAllocTensor(),
            t.KillAfterLastUse(),
            t.LowerRuntimeBuiltin(),
            t.ComputePrimValue(),
            t.VMShapeLower(),
            t.AttachGlobalSymbol(),
        ]
    )


def compile_network(
    network: IntegerNetwork,
    input_shape: tuple[int, ...],
    target: Target,
    threads: int,
    choose: Chooser,
    dump: Path | None = None,
) -> Compiled:
    """Compile ``network`` for pictures uint8 ``input_shape`` [N, H, W, 3].

    ``dump`` receives one readable file a phase, ``0-capture.py``, ``1-choose_lowering.py`` and so on.

    Raises:
        UsageError: where an operator cannot be exported or lowered.
    """
    lowering = ChooseLowering(target, threads, choose)
    module = capture(network, input_shape)
    _dump(dump, 0, "capture", module)
    with tvm.target.Target(target.tvm_target(threads)):
        for number, (name, phase) in enumerate(phases(lowering), 1):
            module = phase(module)
            _dump(dump, number, name, module)
    executable = build_executable(module, target.tvm_target(threads))
    return Compiled(executable, tuple(lowering.placed), input_shape, target, threads)


def _dump(folder: Path | None, number: int, name: str, module: Any) -> None:
    if folder is not None:
        write_atomic(folder / f"{number}-{name}.py", module.script(show_meta=False) + "\n")
