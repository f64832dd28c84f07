"""``python -m benchmarks.estimation [--points N] [--seed N]``: static estimates against the clock, on an idle Zen 4.

Takes some two minutes; writes Markdown and JSON into ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence

from benchmarks.estimation.clock import Clock, Kernel, time_in_turn
from benchmarks.estimation.points import OPERATORS, Candidate, sample, target_of
from benchmarks.estimation.results import Compared, write_results
from tvm_bnn._tvm import build, tvm
from tvm_bnn.errors import TvmBnnError
from tvm_bnn.estimation.estimate import Estimate, estimate
from tvm_bnn.ops import Operator
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target
from tvm_bnn.tuning.inputs import sample_inputs

_LOOKS = 20


def main() -> None:
    """Estimate, measure, write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimation", description=__doc__)
    parser.add_argument("--points", type=int, default=10, metavar="N", help="of each operator")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the points")
    arguments = parser.parse_args()
    clock = Clock()
    target = target_of(statistics.median(clock.hertz() for _ in range(_LOOKS)))
    try:
        compared = [
            one
            for name, operator in OPERATORS.items()
            for one in compare(
                name, operator, sample(operator, target, arguments.points, arguments.seed), target, clock
            )
        ]
    except TvmBnnError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        sys.exit(error.exit_code)
    write_results(compared, target, arguments.seed)


def compare(
    name: str, operator: Operator, candidates: Sequence[Candidate], target: Target, clock: Clock
) -> list[Compared]:
    """Estimate every point, then time all of them in turn.

    Raises:
        ValueError: a kernel whose results are wrong.
    """
    estimates = [estimate(operator, one.row, one.point, target, 0) for one in candidates]
    wrong = [found.mismatch for found in estimates if found.mismatch]
    if wrong:
        raise ValueError(f"{name}: {wrong[0]}")
    timings = time_in_turn([_kernel(operator, one, target) for one in candidates], clock)
    sys.stderr.write(f"{name}: {len(candidates)} points\n")
    per_ms = target.peak("clock_ghz") * 1e6
    return [
        _compared(name, candidate, found, timing.cycles / per_ms, timing.spread)
        for candidate, found, timing in zip(candidates, estimates, timings, strict=True)
    ]


def _compared(name: str, candidate: Candidate, found: Estimate, measured_ms: float, spread: float) -> Compared:
    return Compared(
        operator=name,
        lowering=candidate.row.lowering.name,
        point=candidate.point.to_dict(),
        estimated_ms=1e3 * found.seconds,
        waiting_ms=1e3 * found.memory_seconds,
        measured_ms=measured_ms,
        spread=spread,
        instructions=found.instructions,
        unknown=found.unknown,
    )


def _kernel(operator: Operator, candidate: Candidate, target: Target) -> Kernel:
    lowering, space = candidate.row.lowering, candidate.row.space
    scheduled = space.scheduled(lowering.function(operator, target), Setting(operator, target, 1), candidate.point)
    packed = lowering.pack_inputs(operator, target, sample_inputs(operator, 0))
    outputs = [tvm.runtime.empty(spec.shape, spec.dtype) for spec in operator.outputs()]
    arguments = [*(tvm.runtime.tensor(array) for array in packed), *outputs]
    return Kernel(build(scheduled, target.tvm_target(1)), arguments)


if __name__ == "__main__":
    main()
