"""What is known of a profiled network without a clock: bits, memory, attention, and how its loops were chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tvm_bnn.errors import UsageError
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.nn.integer import IMAGE, Placement
from tvm_bnn.ops import Operator, TensorSpec
from tvm_bnn.ops.base import Products
from tvm_bnn.profiling.summary import summarise
from tvm_bnn.tuning.plan import Choice
from tvm_bnn.tuning.records import RecordLine
from tvm_bnn.verification.block import Block, blocks
from tvm_bnn.verification.formulas import DENSE


@dataclass(frozen=True)
class Plan:
    """How the loops of one operator are arranged.

    Attributes:
        operator: its signature.
        choice: its lowering, its point and where they come from.
    """

    operator: Operator
    choice: Choice

    @property
    def record(self) -> RecordLine | None:
        """The record of this very operator, on this very target; None where it was not tuned."""
        return self.choice.record.line if self.choice.record and self.choice.schedule == "tuned" else None

    @property
    def point(self) -> str:
        """The arrangement in words: ``tile 1 x 4 x 4, order pixels``."""
        point = self.choice.point
        tile = [f"tile {' x '.join(map(str, point.tile))}"] if point.tile else []
        return ", ".join([*tile, *(f"{name} {value}" for name, value in point.variant.items())])


@dataclass(frozen=True)
class AttentionFormula:
    """One attention and the dense one on the same map, by formula: FLOPs of the products, OPs of the block."""

    name: str
    tokens: int
    anchors: int
    ck: int
    cv: int
    bits: str
    dense_products: int
    dense_block: float
    products: int
    block: float


@dataclass(frozen=True)
class NetworkFacts:
    """Facts of one network at one size of the picture.

    Attributes:
        products: multiply-accumulates by the name of the operator.
        alive: bytes of all maps that exist while an operator runs, by its name, in order of execution.
        parameter_bytes: of the whole network.
        attentions: by formula.
        plans: of the integer operators, by name.
    """

    products: dict[str, tuple[Products, ...]]
    alive: dict[str, int]
    parameter_bytes: int
    attentions: tuple[AttentionFormula, ...] = ()
    plans: dict[str, Plan] = field(default_factory=dict)


def network_facts(model: LoadedModel, choose: Callable[[Operator], Choice]) -> NetworkFacts:
    """Facts of a model at its input size.

    Args:
        model: the network.
        choose: the lowering and the arrangement of an operator.
    """
    shape = (1, *model.input_size, 3)
    placed = model.network.at(shape)
    return NetworkFacts(
        products={step.name: operator.cost().products for step, operator in placed},
        alive=alive_bytes(placed, shape, model.network.output),
        parameter_bytes=sum(layer.parameter_bytes for layer in summarise(model.network, shape)),
        attentions=_attentions(model.network.operators_at(shape)),
        plans={step.name: Plan(op, choose(op)) for step, op in placed if isinstance(op, Operator)},
    )


def alive_bytes(placed: list[Placement], shape: tuple[int, ...], output: str) -> dict[str, int]:
    """Bytes of the maps that are alive at each step: from the step that writes a map to the last one that reads it.

    The network's output lives to the end. What an operator needs inside is not in it, nor are parameters.

    Args:
        placed: the steps in order of execution.
        shape: of the picture, uint8.
        output: id of the value that the network returns.
    """
    sizes = {IMAGE: TensorSpec(IMAGE, shape, "uint8", "data").nbytes}
    born, last = {IMAGE: 0}, {IMAGE: 0}
    for number, (step, operator) in enumerate(placed):
        for name, spec in zip(step.outputs, operator.outputs(), strict=True):
            sizes[name], born[name], last[name] = spec.nbytes, number, number
        last.update(dict.fromkeys(step.inputs, number))
    last[output] = len(placed) - 1
    return {
        step.name: sum(sizes[name] for name in sizes if born[name] <= number <= last[name])
        for number, (step, _) in enumerate(placed)
    }


def _attentions(operators: list[tuple[str, Operator]]) -> tuple[AttentionFormula, ...]:
    try:
        found = blocks(operators)
    except UsageError:
        return ()
    return tuple(map(_formula, found))


def _formula(block: Block) -> AttentionFormula:
    shape, attend = block.shape, block.attend
    widths = (f"{product.activation_bits} x {product.weight_bits}" for product in attend.cost().products)
    return AttentionFormula(
        name=block.name,
        tokens=shape.tokens,
        anchors=shape.anchors,
        ck=shape.ck,
        cv=shape.cv,
        bits=" and ".join(widths),
        dense_products=DENSE.products_flops(shape),
        dense_block=float(DENSE.block_flops(shape)),
        products=2 * sum(product.macs for product in attend.cost().products),
        block=sum(operator.cost().ops for _, operator in block.operators),
    )
