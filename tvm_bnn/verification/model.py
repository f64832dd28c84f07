"""A verification as it is written to JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tvm_bnn.tuning.journal import Evidence
from tvm_bnn.tuning.plan import Schedule


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Work(_Part):
    """FLOPs (2 a multiply-accumulate, whatever its bits), OPs (discounted by bits), and milliseconds."""

    flops: int
    ops: float
    ms: float


class Way(_Part):
    """One implementation of dense attention and what it takes, in milliseconds."""

    name: str
    products_ms: float
    block_ms: float


class DenseCounted(_Part):
    """From loop nests of dense attention; the block's FLOPs have those of its softmax among them."""

    products_flops: int
    block_flops: int
    exponentials: int
    comparisons: int
    divisions: int


class Dense(_Part):
    """The same block with attention of all tokens to all, in float32.

    ``ms`` are those of the fastest of ``ways``. ``memory_bytes`` are what its products need where all weights exist at
    once.
    """

    products: Work
    block: Work
    ways: list[Way]
    counted: DenseCounted
    memory_bytes: int
    evidence: Evidence


class Counted(_Part):
    """From the scheduled loop nests of the block.

    ``bytes`` are compulsory. ``products_operations`` are those of scores, softmax, mixing and their epilogue alone,
    padding included and none of them discounted.
    """

    bops: int
    flops: int
    integer_ops: int
    bytes: int
    lookups: int
    comparisons: int
    divisions: int
    products_operations: int


class OperatorTime(_Part):
    """One operator of the block."""

    name: str
    kind: str
    lowering: str
    schedule: Schedule
    ms: float


class Ours(_Part):
    """The block as it is compiled; ``memory_bytes`` are arguments and buffers of its products."""

    products: Work
    block: Work
    counted: Counted
    operators: list[OperatorTime]
    memory_bytes: int
    evidence: Evidence


class Ratio(_Part):
    """Dense / ours; ``products_counted`` by the numbers from loop nests."""

    products_flops: float
    block_flops: float
    block_ops: float
    products_counted: float
    products_latency: float
    block_latency: float
    memory: float


class Promised(_Part):
    """What the ratios must reach; null where nothing is promised."""

    products_flops: float | None
    block_ops: float | None


class Other(_Part):
    """Another attention on the same map, by formula, in float; ratios are dense / it."""

    name: str
    formula: str
    products_flops: int
    block_flops: int
    products_ratio: float
    block_ratio: float


class Attention(_Part):
    """One attention of a network: bits are those of queries and keys, of weights and of values."""

    name: str
    tokens: int
    anchors: int
    channels: int
    ck: int
    cv: int
    key_bits: int
    weight_bits: int
    value_bits: int
    dense: Dense
    ours: Ours
    others: list[Other]
    ratio: Ratio
    promised: Promised
    passed: bool


class Verification(_Part):
    """All attentions of a network; ``input_size`` is (height, width)."""

    schema_version: Literal[1] = 1
    model: str
    width: str
    input_size: tuple[int, int]
    target: str
    threads: int
    attention: list[Attention]
    passed: bool
