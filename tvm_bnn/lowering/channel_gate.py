"""Channels times their factors: the table is looked up once a picture and channel, in a stage of its own.

The stage ``factor`` is int32 [N, C]; the product with the stream is an expression, not a stage.
"""

from __future__ import annotations

from typing import Any, cast

from tvm_bnn._tvm import dtype_cast, te
from tvm_bnn.lowering.base import Tensors
from tvm_bnn.lowering.epilogue import finish
from tvm_bnn.lowering.plain import Plain
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.gate import ChannelGate
from tvm_bnn.targets import Target


class FactorChannelGate(Plain):
    """For every :class:`ChannelGate`."""

    name = "channel-gate"
    kind = "channel_gate"

    def compute(self, operator: Operator, target: Target, tensors: Tensors) -> list[Any]:
        """Factors, products, then the shared epilogue."""
        gate = cast(ChannelGate, operator)
        x, logit, table = (tensors[name] for name in ("x", "gate", "table"))
        factor = te.compute(
            (gate.batch, gate.channels), lambda n, c: dtype_cast("int32", table[logit[n, 0, 0, c]]), "factor"
        )
        return finish(gate, target, lambda n, h, w, c: dtype_cast("int32", x[n, h, w, c]) * factor[n, c], tensors)
