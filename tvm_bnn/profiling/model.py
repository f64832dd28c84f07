"""A profile as it is written to JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tvm_bnn.tuning.plan import Schedule
from tvm_bnn.tuning.records import Evidence


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Device(_Part):
    """The machine that was measured."""

    name: str
    architecture: str
    logical_cores: int


class Total(_Part):
    """From picture to result, measured without the split into operators."""

    median_ms: float
    p5_ms: float
    p95_ms: float
    runs: int


class OperatorProfile(_Part):
    """One operator, in the order of execution.

    ``share`` is of the sum over all operators, ``gops`` is 2 MACs / time in 1e9 / s, ``ops`` discounts MACs by their
    bits, ``bytes`` are compulsory, ``roofline_fraction`` is the least time the target could need / time.
    """

    name: str
    kind: str
    shape: str
    lowering: str
    schedule: Schedule
    evidence: Evidence
    median_ms: float
    share: float
    binary_macs: int
    real_macs: int
    ops: float
    bytes: int
    gops: float
    roofline_fraction: float


class Profile(_Part):
    """Latency of a network, per operator and in total; ``input_size`` is (height, width)."""

    schema_version: Literal[1] = 1
    model: str
    width: str
    input_size: tuple[int, int]
    target: str
    threads: int
    evidence: Evidence
    device: Device
    total: Total
    operators: list[OperatorProfile]

    @property
    def operators_ms(self) -> float:
        """Sum of the operators' medians."""
        return sum(operator.median_ms for operator in self.operators)
