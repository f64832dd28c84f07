"""A profile without the hardware: the sum of what a model of the target says of every kernel."""

from __future__ import annotations

from collections.abc import Sequence

from tvm_bnn.errors import NoCandidateError, NumericsError
from tvm_bnn.graph.choose import Chooser, Placed
from tvm_bnn.graph.ordinary import Executed, Ordinary
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.nn.island import FloatOperator
from tvm_bnn.ops import Operator
from tvm_bnn.profiling.model import Device, Profile, Total
from tvm_bnn.profiling.operators import operator_profiles
from tvm_bnn.targets import Target
from tvm_bnn.tuning.plan import Choice
from tvm_bnn.tuning.runner import Runner
from tvm_bnn.tuning.worker import Request

LEFT_OUT = (
    "threads: one core is modelled",
    "calls between kernels, interrupts, branches that are mispredicted",
    "clock and heat: the nominal clock is taken",
)
"""What a model of a core knows nothing of."""


def estimated_profile(model: LoadedModel, target: Target, choose: Chooser, runner: Runner, seed: int = 0) -> Profile:
    """Estimate a network; nothing of it is linked or run as a whole.

    Args:
        model: the network.
        target: with a model of its core.
        choose: the lowering and the arrangement of an operator.
        runner: that estimates.
        seed: of the arrays that kernels are compared with the reference on.

    Raises:
        NumericsError: a kernel is wrong.
        NoCandidateError: a kernel cannot be estimated.
    """
    steps = _steps(model, choose)
    kernels = {(step.operator, step.choice.point.key): step for step in steps if isinstance(step, Placed)}
    times = estimates([(step.operator, step.choice) for step in kernels.values()], target, runner, seed)
    known = dict(zip(kernels, times, strict=True))
    medians = [known[step.operator, step.choice.point.key] if isinstance(step, Placed) else None for step in steps]
    return Profile(
        model=model.name,
        width=model.width,
        input_size=model.input_size,
        target=target.name,
        threads=1,
        evidence="estimated",
        device=Device(
            name=f"model of {target.core}",
            architecture=target.architecture or "unknown",
            logical_cores=target.cores or 1,
        ),
        total=Total(median_ms=_sum(medians), p5_ms=None, p95_ms=None, runs=0),
        operators=operator_profiles(steps, medians, target, 1, "estimated"),
        left_out=[*LEFT_OUT, *([] if None not in medians else ["ordinary operators"])],
    )


def estimates(kernels: Sequence[tuple[Operator, Choice]], target: Target, runner: Runner, seed: int = 0) -> list[float]:
    """Milliseconds of kernels on one core of the target, in order.

    Raises:
        NumericsError: a kernel is wrong.
        NoCandidateError: a kernel cannot be estimated.
    """
    requests = [
        Request(operator.signature, target.name, 1, choice.row.lowering.name, choice.point.to_dict(), seed)
        for operator, choice in kernels
    ]
    found: list[float] = []
    for (operator, _), (_, result) in zip(kernels, runner.run_many(requests), strict=True):
        if "failure" in result:
            kind = NumericsError if result["failure"] == "wrong" else NoCandidateError
            raise kind(f"{operator.label()} ({result['failure']}): {result['message']}", "see tvm-bnn doctor")
        found.append(result["run_secs"][0] * 1e3)
    return found


def _steps(model: LoadedModel, choose: Chooser) -> list[Executed]:
    steps: list[Executed] = []
    for step, operator in model.network.at((1, *model.input_size, 3)):
        if isinstance(operator, FloatOperator):
            steps.append(Ordinary((step.name,), (operator,)))
        else:
            steps.append(Placed(step.name, "", operator, choose(operator)))
    return steps


def _sum(medians: Sequence[float | None]) -> float | None:
    known = [median for median in medians if median is not None]
    return sum(known) if len(known) == len(medians) else None
