"""This engine: one kernel, or a preset compiled with records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.cases import Network, case_from_dict
from benchmarks.peers.clock import Calls
from benchmarks.peers.server import Prepared
from tvm_bnn._tvm import build, tvm
from tvm_bnn.amx import require_permission
from tvm_bnn.deploy.vm import machine, on_threads, tensor
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.lowering.registry import row_named
from tvm_bnn.models.load import load as load_model
from tvm_bnn.ops import operator_from_signature
from tvm_bnn.spaces.base import Point
from tvm_bnn.targets import load
from tvm_bnn.tuning.inputs import sample_inputs
from tvm_bnn.tuning.plan import Choice, choose
from tvm_bnn.tuning.records import load_book

_SEED = 0


def prepare(case: dict[str, Any], options: dict[str, Any], threads: int) -> Prepared:
    """A kernel that the case names, or a network; options: ``target`` and folders of ``records``."""
    if case["kind"] == "kernel":
        return _kernel(case, options["target"], threads)
    wanted = case_from_dict(case)
    assert isinstance(wanted, Network)
    return _network(wanted, options, threads)


def _kernel(case: dict[str, Any], target_name: str, threads: int) -> Prepared:
    operator, target = operator_from_signature(case["operator"]), load(target_name)
    row = row_named(operator, target, case["lowering"])
    assert row is not None
    if row.lowering.tiles:
        require_permission()
    choice = Choice(row, Point.from_dict(case["point"]), case["schedule"])
    kernel = build(choice.scheduled(operator, target, threads), target.tvm_target(threads))
    arrays = row.lowering.pack_inputs(operator, target, sample_inputs(operator, _SEED))
    outputs = [tvm.runtime.empty(spec.shape, spec.dtype) for spec in operator.outputs()]
    return _Kernel(kernel, [*(tvm.runtime.tensor(array) for array in arrays), *outputs], threads)


@dataclass(frozen=True)
class _Kernel:
    kernel: Any
    tensors: list[Any]
    threads: int

    def times(self, runs: int) -> list[float]:
        """Seconds of so many calls, by TVM's own clock: the others' way into their engine cancels, too."""
        evaluator = self.kernel.mod.time_evaluator("main", tvm.cpu(), number=1, repeat=runs)
        with on_threads(self.threads):
            return [float(seconds) for seconds in evaluator(*self.tensors).results]


def _network(network: Network, options: dict[str, Any], threads: int) -> Prepared:
    target = load(options["target"])
    model = load_model(network.preset, width=network.width, input_size=network.size)
    book, _ = load_book(target, [Path(folder) for folder in options["records"]])
    shape = (1, *network.size, 3)
    compiled = compile_network(
        model.network, shape, target, threads, lambda operator: choose(operator, target, threads, book)
    )
    main = machine(compiled.executable, tiles=compiled.tiles)["main"]
    picture = tensor(np.random.default_rng(_SEED).integers(0, 256, shape, np.uint8))
    return _OnThreads(Calls(lambda: main(picture)), threads)


@dataclass(frozen=True)
class _OnThreads:
    calls: Calls
    threads: int

    def times(self, runs: int) -> list[float]:
        """Seconds of so many calls on so many threads."""
        with on_threads(self.threads):
            return self.calls.times(runs)
