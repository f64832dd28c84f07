"""The clock of a GPU: time per operator and from end to end.

Launching a kernel takes the host about as long as a small kernel runs, so the time between two calls says nothing of
the kernel. Each kernel is launched many times in a row instead, on the arrays that it has in the network, between two
events of the GPU; that is how TVM's evaluator works there. Its arrays then lie in the caches if they fit. From end to
end, the picture lies on the GPU and the result stays there: the host's clock, from the call until the GPU has finished.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from tvm_bnn.deploy.vm import device_of, machine, tensor
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.profiling.latency import Latencies, Milliseconds, kernels_of, places

_GRAPH = "vm.builtin.cuda_graph.run_or_capture"
_LEAST_REPEAT_MS = 2
"""A kernel is launched as often as takes so long, and the mean of that is one time."""


@dataclass(frozen=True)
class Call:
    """A function that the network has called, with its arguments on the GPU."""

    name: str
    arguments: tuple[Any, ...]


def measure_gpu(compiled: Compiled, *, warmup: int, repeat: int, seed: int = 0) -> Latencies:
    """Time a compiled network on a random picture.

    Args:
        compiled: for the GPU of this machine.
        warmup: passes that do not count; the first one captures the CUDA graph and never counts.
        repeat: passes that count, at least 1.
        seed: of the picture.

    Raises:
        ToolchainError: TVM's part for GPUs cannot be loaded.
    """
    device = device_of(compiled.target)
    picture = tensor(np.random.default_rng(seed).integers(0, 256, compiled.input_shape, np.uint8), device)
    total = _whole(machine(compiled.executable, device)["main"], picture, device, warmup, repeat)
    calls = _calls(compiled, picture, device)
    steps = np.zeros((repeat, len(compiled.steps)))
    found = places(kernels_of(compiled), compiled.ordinary, [call.name for call in calls])
    for place, call in zip(found, calls, strict=True):
        steps[:, place] += _times(compiled, call, device, repeat)
    return Latencies(steps, total)


def _whole(main: Any, picture: Any, device: Any, warmup: int, repeat: int) -> Milliseconds:
    milliseconds = []
    for _ in range(1 + warmup + repeat):
        device.sync()
        began = time.perf_counter()
        main(picture)
        device.sync()
        milliseconds.append((time.perf_counter() - began) * 1e3)
    return np.array(milliseconds[-repeat:])


class Recorder:
    """Keeps the calls of a network's first pass.

    In it a machine calls what is to become the graph twice, to warm up and to record it; one of the two is kept.

    Args:
        names: of the functions to keep.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.calls: list[Call] = []
        self._names = frozenset(names)
        self._outside = 0

    def instrument(self, _function: Any, name: str, before: bool, _result: Any, *arguments: Any) -> None:
        """What the virtual machine calls before and after every call."""
        if name == _GRAPH and before:
            self._outside = len(self.calls)
        elif name == _GRAPH:
            del self.calls[(self._outside + len(self.calls)) // 2 :]
        elif before and name in self._names:
            self.calls.append(Call(name, arguments))


def _calls(compiled: Compiled, picture: Any, device: Any) -> list[Call]:
    """What the network calls, in order."""
    observed = machine(compiled.executable, device)
    recorder = Recorder(compiled.ordinary | {name for name in kernels_of(compiled) if name is not None})
    observed.set_instrument(recorder.instrument)
    observed["main"](picture)
    device.sync()
    return recorder.calls


def _times(compiled: Compiled, call: Call, device: Any, repeat: int) -> Milliseconds:
    """Of one call, [repeat]."""
    (library,) = compiled.executable.mod.imports
    evaluator = library.time_evaluator(call.name, device, repeat=repeat, number=1, min_repeat_ms=_LEAST_REPEAT_MS)
    return np.array(evaluator(*call.arguments).results) * 1e3
