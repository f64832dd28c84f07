"""A compiled network of another machine, run from end to end: its kernels are emulated, all else is done by this host.

The virtual machine is the one that runs compiled networks anyway, with the memory that was planned for them. It takes
kernels from the executable's library; where that is taken away it asks for functions of the same names, and these
hand its tensors to the emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tvm_bnn._tvm import served_functions, without_library
from tvm_bnn.deploy.vm import machine as virtual_machine
from tvm_bnn.deploy.vm import tensor
from tvm_bnn.estimation.estimate import machine_for
from tvm_bnn.estimation.machine import Execution, Machine
from tvm_bnn.graph.phases import Compiled

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class EmulatedRun:
    """What a network wrote, and what it executed.

    Attributes:
        output: labels uint8 [N, H, W], or what the network's last step writes.
        executions: of every kernel by its function's name, in the order of the calls.
    """

    output: NDArray[Any]
    executions: tuple[tuple[str, Execution], ...]


def run_network(compiled: Compiled, picture: UInt8) -> NDArray[Any]:
    """The output of a network for a picture uint8 of its input's shape; see :func:`emulate_network`."""
    return emulate_network(compiled, picture).output


def emulate_network(compiled: Compiled, picture: UInt8) -> EmulatedRun:
    """Run a network once, on one thread.

    Only one at a time in a process: while it runs, its kernels' names are taken.

    Args:
        compiled: for a target with the table of its core.
        picture: uint8 [N, H, W, 3].

    Raises:
        ToolchainError: packages or a linker are missing.
        UsageError: the target has no table of its core.
        EmulationError: a kernel does not run to its end.
    """
    kernels = _Kernels(machine_for(compiled.executable, compiled.target))
    names = {placed.function for placed in compiled.operators} | compiled.ordinary
    with without_library(compiled.executable), served_functions({name: kernels.named(name) for name in names}):
        try:
            output = virtual_machine(compiled.executable)["main"](tensor(picture))
        except Exception:
            # On its way through the virtual machine an error loses its type.
            if kernels.failure is not None:
                raise kernels.failure from None
            raise
    return EmulatedRun(np.array(output.numpy()), tuple(kernels.executions))


class _Kernels:
    """Functions that run the kernels of a library on tensors of this host."""

    def __init__(self, emulated: Machine) -> None:
        self._machine = emulated
        self.executions: list[tuple[str, Execution]] = []
        self.failure: Exception | None = None

    def named(self, name: str) -> Callable[..., None]:
        """The kernel of that name."""

        def run(*tensors: Any) -> None:
            try:
                # Views: what the kernel writes is written to the tensors.
                execution = self._machine.run(name, [np.from_dlpack(one) for one in tensors])
            except Exception as error:
                self.failure = error
                raise
            self.executions.append((name, execution))

        return run
