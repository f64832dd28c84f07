"""A profile as it is written to JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from tvm_bnn.profiling.clocks import Clocks
from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.plan import Schedule


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Device(_Part):
    """The machine that was measured, or the core whose model it is.

    Of a GPU the cores are its multiprocessors, and ``clocks`` are those right after the measurement.
    """

    name: str
    architecture: str
    logical_cores: int
    clocks: Clocks | None = None

    @model_serializer(mode="wrap")
    def _without_clocks(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Nothing tells those of a CPU."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if key != "clocks" or value is not None}


class Total(_Part):
    """From picture to result: measured without the split into operators, or the sum of their estimates.

    An estimate has no spread and no ``runs``, and where an operator has no time there is no total.
    """

    median_ms: float | None
    p5_ms: float | None
    p95_ms: float | None
    runs: int


class OperatorProfile(_Part):
    """One operator, in the order of execution.

    ``share`` is of the sum over all operators, ``gops`` is 2 MACs / time in 1e9 / s, ``ops`` discounts MACs by their
    bits, ``bytes`` are compulsory, ``roofline_fraction`` is the least time the target could need / time.

    Where no latency can be given these are None, and ``rank_score`` orders operators by their work instead: OPs plus
    bytes, which is no time.
    """

    name: str
    kind: str
    shape: str
    lowering: str
    schedule: Schedule
    evidence: Evidence
    median_ms: float | None
    share: float | None
    binary_macs: int
    real_macs: int
    ops: float
    bytes: int
    gops: float | None
    roofline_fraction: float | None
    rank_score: float | None = None

    @model_serializer(mode="wrap")
    def _without_score(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Beside a latency there is no score."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if key != "rank_score" or value is not None}


class Profile(_Part):
    """Latency of a network, per operator and in total; ``input_size`` is (height, width).

    ``left_out`` says what an estimate knows nothing of.
    """

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
    left_out: list[str] = []

    @model_serializer(mode="wrap")
    def _measured_whole(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is measured leaves nothing out."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if key != "left_out" or value}

    @property
    def operators_ms(self) -> float:
        """Sum of the medians that there are."""
        return sum(operator.median_ms or 0.0 for operator in self.operators)
