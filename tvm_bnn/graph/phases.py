"""The phases between a captured network and the executable, as one numbered list with a dump after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tvm_bnn._tvm import build_executable, linked_under, relax, tvm
from tvm_bnn.files import write_atomic
from tvm_bnn.graph.capture import cannot_be_lowered, capture
from tvm_bnn.graph.choose import ChooseLowering, Chooser, Placed
from tvm_bnn.graph.ordinary import ArrangeOrdinary, Executed, executed
from tvm_bnn.nn.integer import IntegerNetwork
from tvm_bnn.targets import Target

Phase = tuple[str, Callable[[Any], Any]]


@dataclass(frozen=True)
class Compiled:
    """An executable network and what it is made of.

    Attributes:
        executable: for a virtual machine.
        steps: everything that it executes, in order.
        ordinary: names of the functions that are no kernels: the user's ordinary operators.
        input_shape: of pictures, [N, H, W, 3].
        target: it was compiled for.
        threads: cores.
    """

    executable: Any
    steps: tuple[Executed, ...]
    ordinary: frozenset[str]
    input_shape: tuple[int, ...]
    target: Target
    threads: int

    @property
    def operators(self) -> tuple[Placed, ...]:
        """The kernels, in the order of execution."""
        return tuple(step for step in self.steps if isinstance(step, Placed))

    @property
    def tiles(self) -> bool:
        """Whether a kernel uses AMX tiles."""
        return any(placed.choice.row.lowering.tiles for placed in self.operators)


def phases(choose: ChooseLowering, arrange: ArrangeOrdinary) -> list[Phase]:
    """What happens to the Relax module after its capture, in order.

    1. ``dispatch``: sorting and scanning, which plain loops do badly, go to TVM's own functions.
    2. ``choose_lowering``: abstract operators become scheduled kernels with packed weights.
    3. ``legalize``: the user's ordinary operators become loops.
    4. ``fuse``: and are fused.
    5. ``arrange_ordinary``: their loops are arranged.
    6. ``plan_memory``: destination passing, static memory, calls of the virtual machine. On a GPU all kernels but those
       that write the result become one CUDA graph, which is launched as a whole; it remembers where the first picture
       lay, so every other has to lie there as well.
    """
    t = relax.transform
    return [
        ("dispatch", relax.backend.DispatchSortScan()),
        ("choose_lowering", choose),
        ("legalize", tvm.transform.Sequential([t.CanonicalizeBindings(), t.LegalizeOps()])),
        ("fuse", tvm.transform.Sequential([t.AnnotateTIROpPattern(), t.FoldConstant(), t.FuseOps(), t.FuseTIR()])),
        ("arrange_ordinary", arrange),
        ("plan_memory", _Memory(graph=choose.target.cuda is not None)),
    ]


class _Memory:
    """The last phase; with ``graph`` kernels become a CUDA graph."""

    def __init__(self, *, graph: bool) -> None:
        t = relax.transform
        self._graph = graph
        self._passes = tvm.transform.Sequential(
            [
                t.RewriteDataflowReshape(),
                t.ToNonDataflow(),
                t.RemovePurityChecking(),
                t.CallTIRRewrite(),
                t.StaticPlanBlockMemory(),
                # Does nothing unless it is told to.
                t.RewriteCUDAGraph(),
                t.LowerAllocTensor(),
                t.KillAfterLastUse(),
                t.LowerRuntimeBuiltin(),
                t.ComputePrimValue(),
                t.VMShapeLower(),
                t.AttachGlobalSymbol(),
            ]
        )

    def __call__(self, module: Any) -> Any:
        if self._graph:
            module["main"] = module["main"].with_attr("num_input", 0)
        with tvm.transform.PassContext(config={"relax.backend.use_cuda_graph": self._graph}):
            return self._passes(module)


def compile_network(
    network: IntegerNetwork,
    input_shape: tuple[int, ...],
    target: Target,
    threads: int,
    choose: Chooser,
    dump: Path | None = None,
    prefix: str | None = None,
) -> Compiled:
    """Compile ``network`` for pictures uint8 ``input_shape`` [N, H, W, 3].

    ``dump`` receives one readable file a phase, ``0-capture.py``, ``1-dispatch.py`` and so on. With ``prefix`` the
    functions become part of a program that links them, and make themselves known there under names that begin so.

    Raises:
        UsageError: where an operator cannot be exported or lowered.
    """
    lowering = ChooseLowering(target, threads, choose)
    arrange = ArrangeOrdinary(target, threads, lowering)
    module = capture(network, input_shape)
    if prefix is not None:
        module = linked_under(module, prefix)
    _dump(dump, 0, "capture", module)
    with tvm.target.Target(target.tvm_target(threads)):
        for number, (name, phase) in enumerate(phases(lowering, arrange), 1):
            module = _applied(phase, module, network)
            _dump(dump, number, name, module)
    executable = build_executable(module, target.tvm_target(threads))
    steps = tuple(executed(network.at(input_shape), arrange.kernels))
    return Compiled(executable, steps, arrange.functions, input_shape, target, threads)


def _applied(phase: Callable[[Any], Any], module: Any, network: IntegerNetwork) -> Any:
    try:
        return phase(module)
    except tvm.error.InternalError as error:
        if not network.islands:
            raise
        # What TVM cannot do with an ordinary operator it says in many lines.
        raise cannot_be_lowered(error) from error


def _dump(folder: Path | None, number: int, name: str, module: Any) -> None:
    if folder is not None:
        write_atomic(folder / f"{number}-{name}.py", module.script(show_meta=False) + "\n")
