"""Loop nests of dense attention: nothing that is run, only counted, by the same rules as our own operators."""

from __future__ import annotations

from typing import Any

from tvm_bnn._tvm import te, tirx
from tvm_bnn.verification.counting import count
from tvm_bnn.verification.formulas import Shape
from tvm_bnn.verification.operations import Operations

_FLOAT = "float32"


def products(shape: Shape) -> Operations:
    """Scores of all pairs and weighted values, by matrix products of float32."""
    return _count(_scores(shape)) + _count(_mixing(shape))


def softmax(shape: Shape) -> Operations:
    """Greatest score, exponentials, their sum, and one division a token and value channel."""
    tokens = shape.tokens
    scores = te.placeholder((tokens, tokens), _FLOAT, "scores")
    mixed = te.placeholder((tokens, shape.cv), _FLOAT, "mixed")
    j, k = te.reduce_axis((0, tokens), "j"), te.reduce_axis((0, tokens), "k")
    greatest = te.compute((tokens,), lambda n: te.max(scores[n, j], axis=j), "greatest")
    weight = te.compute((tokens, tokens), lambda n, m: tirx.exp(scores[n, m] - greatest[n]), "weight")
    total = te.compute((tokens,), lambda n: te.sum(weight[n, k], axis=k), "total")
    quotient = te.compute((tokens, shape.cv), lambda n, c: mixed[n, c] / total[n], "quotient")
    return _count([scores, mixed, weight, quotient])


def block(shape: Shape) -> Operations:
    """Products, softmax, the three projections and that of the gate."""
    tokens, channels = shape.tokens, shape.channels
    projections = [_projection(tokens, channels, wide) for wide in (shape.ck, shape.ck, shape.cv)]
    gate = _projection(1, channels, shape.cv)
    around = sum((_count(tensors) for tensors in (*projections, gate)), Operations())
    return products(shape) + softmax(shape) + around


def _scores(shape: Shape) -> list[Any]:
    return _matmul((shape.tokens, shape.ck), (shape.tokens, shape.ck), transposed=True)


def _mixing(shape: Shape) -> list[Any]:
    return _matmul((shape.tokens, shape.tokens), (shape.tokens, shape.cv))


def _projection(rows: int, inner: int, columns: int) -> list[Any]:
    return _matmul((rows, inner), (inner, columns))


def _matmul(left: tuple[int, int], right: tuple[int, int], transposed: bool = False) -> list[Any]:
    """Operands and result of a matrix product; ``transposed`` takes the rows of the right one."""
    a, b = te.placeholder(left, _FLOAT, "a"), te.placeholder(right, _FLOAT, "b")
    k = te.reduce_axis((0, left[1]), "k")
    columns = right[0] if transposed else right[1]
    product = te.compute(
        (left[0], columns),
        lambda i, j: te.sum(a[i, k] * (b[j, k] if transposed else b[k, j]), axis=k),
        "product",
    )
    return [a, b, product]


def _count(tensors: list[Any]) -> Operations:
    return count(te.create_prim_func(tensors)).operations
