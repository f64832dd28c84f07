"""Milliseconds of dense attention and of ours: measured where the target is this host, else estimated.

Dense attention is then taken at the least time by the target's peaks, which favours it; ours by a model of the target's
core where there is one, else at its least time too.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tvm_bnn.ops import Operator
from tvm_bnn.profiling.estimated import estimates
from tvm_bnn.profiling.roofline import least_ms
from tvm_bnn.targets import Target, cpu_flags
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.plan import Choice
from tvm_bnn.tuning.runner import Runner
from tvm_bnn.verification import yardstick
from tvm_bnn.verification.formulas import DENSE, Shape
from tvm_bnn.verification.kernels import operator_times


@dataclass(frozen=True)
class DenseTime:
    """Milliseconds: of the products by way of computing them, and of the rest of the block."""

    products: dict[str, float]
    rest: float

    @property
    def fastest(self) -> float:
        """Of the products."""
        return min(self.products.values())


class Clock(abc.ABC):
    """Tells times on one target with so many cores."""

    evidence: ClassVar[Evidence]

    def __init__(self, target: Target, threads: int) -> None:
        self.target = target
        self.threads = threads

    @abc.abstractmethod
    def operators(self, operators: Sequence[tuple[Operator, Choice]]) -> list[float]:
        """Of every operator."""

    @abc.abstractmethod
    def dense(self, shape: Shape) -> DenseTime:
        """Of dense attention on a map."""


class Measured(Clock):
    """The real clock.

    Args:
        target: this host.
        threads: cores.
        warmup: passes over the operators that do not count.
        repeat: passes that count.
        seed: of the arrays.
    """

    evidence = "measured"

    def __init__(self, target: Target, threads: int, *, warmup: int, repeat: int, seed: int) -> None:
        super().__init__(target, threads)
        self._passes = {"warmup": warmup, "repeat": repeat, "seed": seed}

    def operators(self, operators: Sequence[tuple[Operator, Choice]]) -> list[float]:
        """Medians."""
        times = operator_times(operators, self.target, self.threads, **self._passes)
        return [float(median) for median in np.median(times, axis=0)]

    def dense(self, shape: Shape) -> DenseTime:
        """Medians of torch."""
        request = yardstick.Request(shape.height, shape.width, shape.channels, shape.ck, shape.cv, self.threads)
        timings = yardstick.measure(request)
        return DenseTime(timings.products, timings.rest)


class Estimated(Clock):
    """The least time by the target's peaks."""

    evidence = "estimated"

    def operators(self, operators: Sequence[tuple[Operator, Choice]]) -> list[float]:
        """By the roofline of profiles."""
        return [least_ms(operator, self.target, self.threads) for operator, _ in operators]

    def dense(self, shape: Shape) -> DenseTime:
        """Products and projections at the peak of float32."""
        speed = self.target.peak("float_gops_per_core") * self.threads * 1e6
        products, block = DENSE.products_flops(shape), DENSE.block_flops(shape)
        return DenseTime({"float32 at its peak": products / speed}, (block - products) / speed)


class Modelled(Estimated):
    """Our kernels by a model of one core, which executes them in emulation and compares them with the reference.

    Args:
        target: with a model of its core.
        runner: that estimates.
        seed: of the arrays.
    """

    def __init__(self, target: Target, runner: Runner, seed: int) -> None:
        super().__init__(target, 1)
        self._runner, self._seed = runner, seed

    def operators(self, operators: Sequence[tuple[Operator, Choice]]) -> list[float]:
        """By the model."""
        return estimates(operators, self.target, self._runner, self._seed)


def clock(target: Target, threads: int, *, warmup: int, repeat: int, seed: int) -> Clock:
    """The best clock there is for a target whose core has no model."""
    if target.requires <= cpu_flags():
        return Measured(target, threads, warmup=warmup, repeat=repeat, seed=seed)
    return Estimated(target, threads)
