"""Where the attention is in a network, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tvm_bnn.errors import UsageError
from tvm_bnn.ops import AnchorPool, Operator, PooledAttention
from tvm_bnn.verification.formulas import Shape

Named = tuple[str, Operator]


@dataclass(frozen=True)
class Block:
    """One attention with its projections, pooling and gate.

    Attributes:
        name: its place in the user's model.
        attend: scores, softmax and mixing.
        operators: all of them with their places, in the order of execution; ``attend`` among them.
    """

    name: str
    attend: PooledAttention
    operators: tuple[Named, ...]

    @property
    def shape(self) -> Shape:
        """Sizes, by which other attentions on the same map are reckoned."""
        pools = (operator.channels for _, operator in self.operators if isinstance(operator, AnchorPool))
        return Shape(
            height=self.attend.height,
            width=self.attend.width,
            channels=next(pools, self.attend.value_channels),
            ck=self.attend.key_channels,
            cv=self.attend.value_channels,
            anchors=self.attend.anchors,
        )


def blocks(operators: Iterable[Named]) -> list[Block]:
    """The attentions of a network.

    Args:
        operators: of the whole network, with their places.

    Raises:
        UsageError: there is none.
    """
    named = list(operators)
    found = [_block(name, operator, named) for name, operator in named if isinstance(operator, PooledAttention)]
    if not found:
        raise UsageError(
            "expected a model with a PooledBinaryAttention, got one without", "add the layer, or verify a preset"
        )
    return found


def _block(name: str, attend: PooledAttention, named: list[Named]) -> Block:
    """All operators of the same module of the user's model."""
    module = name.rpartition(".")[0]
    if not module:
        return Block(name, attend, ((name, attend),))
    return Block(module, attend, tuple(pair for pair in named if pair[0].startswith(f"{module}.")))
