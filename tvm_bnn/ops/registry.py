"""All operators by kind: the one table that dispatch, serialisation and tests read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tvm_bnn.ops.anchors import AnchorPool
from tvm_bnn.ops.attention import PooledAttention
from tvm_bnn.ops.base import Operator
from tvm_bnn.ops.checks import one_of
from tvm_bnn.ops.conv2d import Conv2d
from tvm_bnn.ops.dense import Dense
from tvm_bnn.ops.gate import ChannelGate
from tvm_bnn.ops.labels import Labels
from tvm_bnn.ops.real_conv2d import RealConv2d
from tvm_bnn.ops.stream import AvgPool2d, Bitpack, Upsample2x

OPERATORS: dict[str, type[Operator]] = {
    operator.kind: operator
    for operator in (
        *(Conv2d, Dense, RealConv2d),
        *(Upsample2x, AvgPool2d, Bitpack),
        *(AnchorPool, PooledAttention, ChannelGate),
        Labels,
    )
}


def operator_from_dict(data: Mapping[str, Any]) -> Operator:
    """Inverse of :meth:`Operator.to_dict`.

    Raises:
        ValueError: for an unknown kind, fields that the operator does not have or values they cannot have.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"operator: expected a mapping of fields, got {data!r}")
    fields = dict(data)
    kind = fields.pop("kind", None)
    one_of("operator", tuple(OPERATORS), kind=kind)
    try:
        return OPERATORS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"operator {kind}: {error}") from error


def operator_from_signature(signature: str) -> Operator:
    """Inverse of :attr:`Operator.signature`.

    Raises:
        ValueError: where the text is no signature.
    """
    try:
        data = json.loads(signature)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"operator signature: {error}") from error
    return operator_from_dict(data)
