"""The attention against dense attention on the same map: counted, by formula, by the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tvm_bnn.models.load import LoadedModel
from tvm_bnn.ops import Operator
from tvm_bnn.ops.base import Products
from tvm_bnn.tuning.plan import Choice
from tvm_bnn.verification import dense as dense_nests
from tvm_bnn.verification.block import Block, blocks
from tvm_bnn.verification.clock import Clock
from tvm_bnn.verification.counting import Count, count
from tvm_bnn.verification.formulas import DENSE, OTHERS, Shape, dense_bytes
from tvm_bnn.verification.model import (
    Attention,
    Counted,
    Dense,
    DenseCounted,
    OperatorTime,
    Other,
    Ours,
    Promised,
    Ratio,
    Verification,
    Way,
    Work,
)
from tvm_bnn.verification.operations import Operations
from tvm_bnn.verification.promises import Promise, promised

Chooser = Callable[[Operator], Choice]


def verify(model: LoadedModel, choose: Chooser, clock: Clock) -> Verification:
    """Verify every attention of a network.

    Args:
        model: the network.
        choose: the lowering and the arrangement of an operator.
        clock: of the target.

    Raises:
        UsageError: the network has no attention.
    """
    found = blocks(model.network.operators_at((1, *model.input_size, 3)))
    promise = promised(model)
    attentions = [verify_block(block, choose, clock, promise) for block in found]
    return Verification(
        model=model.name,
        width=model.width,
        input_size=model.input_size,
        target=clock.target.name,
        threads=clock.threads,
        attention=attentions,
        passed=all(attention.passed for attention in attentions),
    )


def verify_block(block: Block, choose: Chooser, clock: Clock, promise: Promise | None) -> Attention:
    """Verify one attention."""
    shape, attend = block.shape, block.attend
    dense, ours = _dense(shape, clock), _ours(block, choose, clock)
    ratio = _ratio(dense, ours)
    expected = Promised(
        products_flops=promise.products_flops if promise else None, block_ops=promise.block_ops if promise else None
    )
    return Attention(
        name=block.name,
        tokens=shape.tokens,
        anchors=shape.anchors,
        channels=shape.channels,
        ck=shape.ck,
        cv=shape.cv,
        key_bits=1,
        weight_bits=8,
        value_bits=attend.value_bits,
        dense=dense,
        ours=ours,
        others=_others(shape),
        ratio=ratio,
        promised=expected,
        passed=_kept(ratio, promise),
    )


def _kept(ratio: Ratio, promise: Promise | None) -> bool:
    if promise is None:
        return True
    return ratio.products_flops >= promise.products_flops and ratio.block_ops >= promise.block_ops


def _dense(shape: Shape, clock: Clock) -> Dense:
    time = clock.dense(shape)
    products, block = DENSE.products_flops(shape), DENSE.block_flops(shape)
    return Dense(
        products=Work(flops=products, ops=products, ms=time.fastest),
        block=Work(flops=block, ops=block, ms=time.fastest + time.rest),
        ways=[Way(name=name, products_ms=ms, block_ms=ms + time.rest) for name, ms in time.products.items()],
        counted=_dense_counted(shape),
        memory_bytes=dense_bytes(shape),
        evidence=clock.evidence,
    )


def _dense_counted(shape: Shape) -> DenseCounted:
    block = dense_nests.block(shape)
    return DenseCounted(
        products_flops=dense_nests.products(shape).flops,
        block_flops=block.flops,
        exponentials=block.exponentials,
        comparisons=block.comparisons,
        divisions=block.divisions,
    )


def _ours(block: Block, choose: Chooser, clock: Clock) -> Ours:
    operators = [operator for _, operator in block.operators]
    choices = [choose(operator) for operator in operators]
    times = clock.operators(list(zip(operators, choices, strict=True)))
    counts = [
        count(choice.scheduled(operator, clock.target, clock.threads))
        for operator, choice in zip(operators, choices, strict=True)
    ]
    place = operators.index(block.attend)
    products = counts[place]
    return Ours(
        products=_work([block.attend], times[place]),
        block=_work(operators, sum(times)),
        counted=_counted(counts, products.operations),
        operators=[
            OperatorTime(
                name=name, kind=operator.kind, lowering=choice.row.lowering.name, schedule=choice.schedule, ms=ms
            )
            for (name, operator), choice, ms in zip(block.operators, choices, times, strict=True)
        ],
        memory_bytes=products.compulsory + products.scratch * clock.threads,
        evidence=clock.evidence,
    )


def _work(operators: Sequence[Operator], ms: float) -> Work:
    """By the operators' own formulas."""
    products: list[Products] = [product for operator in operators for product in operator.cost().products]
    return Work(flops=2 * sum(product.macs for product in products), ops=sum(p.ops for p in products), ms=ms)


def _counted(counts: Sequence[Count], products: Operations) -> Counted:
    done = sum((one.operations for one in counts), Operations())
    return Counted(
        bops=done.bops,
        flops=done.flops,
        integer_ops=done.integer_ops,
        bytes=sum(one.compulsory for one in counts),
        lookups=done.lookups,
        comparisons=done.comparisons,
        divisions=done.divisions,
        products_operations=products.arithmetic,
    )


def _ratio(dense: Dense, ours: Ours) -> Ratio:
    return Ratio(
        products_flops=dense.products.flops / ours.products.flops,
        block_flops=dense.block.flops / ours.block.flops,
        block_ops=dense.block.ops / ours.block.ops,
        products_counted=dense.counted.products_flops / ours.counted.products_operations,
        products_latency=dense.products.ms / ours.products.ms,
        block_latency=dense.block.ms / ours.block.ms,
        memory=dense.memory_bytes / ours.memory_bytes,
    )


def _others(shape: Shape) -> list[Other]:
    products, block = DENSE.products_flops(shape), DENSE.block_flops(shape)
    return [
        Other(
            name=other.name,
            formula=other.text,
            products_flops=other.products_flops(shape),
            block_flops=other.block_flops(shape),
            products_ratio=products / other.products_flops(shape),
            block_ratio=block / other.block_flops(shape),
        )
        for other in OTHERS
    ]
