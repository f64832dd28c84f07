"""Counts against closed formulas: of small functions, and of every operator in every lowering."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tvm_bnn._tvm import llvm_call, s_tir, te, tirx
from tvm_bnn.lowering.base import data_inputs
from tvm_bnn.lowering.pooled_attention import pixels
from tvm_bnn.lowering.registry import ROWS, Row, rows_for
from tvm_bnn.ops import (
    AnchorPool,
    AvgPool2d,
    Bitpack,
    ChannelGate,
    Conv2d,
    Dense,
    Epilogue,
    Labels,
    Operator,
    PooledAttention,
    RealConv2d,
    Upsample2x,
)
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target, load
from tvm_bnn.verification.counting import Count, count
from tvm_bnn.verification.operations import Operations

PLAIN = Epilogue("none", outputs=("accumulator",))
TARGETS = [load(name) for name in ("x86-amx", "x86-avx2", "rpi4", "rpi5", "cpu-portable")]


def counted(*tensors: Any) -> Operations:
    return count(te.create_prim_func(list(tensors))).operations


def vector(name: str, dtype: str = "int32", size: int = 8) -> Any:
    return te.placeholder((size,), dtype, name)


def test_kinds_of_operations() -> None:
    a, b, f = vector("a"), vector("b"), vector("f", "float32")
    cases: list[tuple[Any, Operations]] = [
        (lambda i: a[i] * b[i] - (a[i] >> 3), Operations(integer_ops=3)),
        (lambda i: f[i] * f[i] + tirx.exp(f[i]), Operations(flops=2, exponentials=1)),
        (lambda i: te.max(a[i], b[i]), Operations(comparisons=1)),
        (lambda i: tirx.Select(a[i] < b[i], a[i], b[i]), Operations(comparisons=1)),
        (lambda i: tirx.floordiv(a[i], 7), Operations(divisions=1)),
        (lambda i: tirx.floordiv(a[i], 8), Operations(integer_ops=1)),
        (lambda i: te.popcount(a[i] ^ b[i]), Operations(bops=2 * 32)),
        (lambda i: te.popcount((a[i] ^ b[i]) & 7), Operations(bops=2 * 32, integer_ops=1)),
        (lambda i: te.popcount(a[i]), Operations(integer_ops=1)),
        (lambda i: a[b[i] & 7], Operations(integer_ops=1, lookups=1)),
    ]
    for expression, expected in cases:
        found = counted(a, b, f, te.compute((8,), expression))
        assert Operations(*(found.__dict__[name] for name in list(found.__dict__)[:7])) == expected * 8, expected


def test_addressing_counts_nothing() -> None:
    a = vector("a")
    found = counted(a, te.compute((8,), lambda i: a[te.min(i * 3 + 1, 7)]))
    assert found == Operations(loaded=4, stored=4) * 8


def test_what_is_written_twice_is_done_once() -> None:
    a = vector("a")
    found = counted(a, te.compute((8,), lambda i: (a[i] + 1) * (a[i] + 1)))
    assert found == Operations(integer_ops=2, loaded=4, stored=4) * 8


def test_an_arm_is_counted_where_its_condition_holds() -> None:
    a = vector("a")
    found = counted(a, te.compute((8,), lambda i: tirx.if_then_else(i < 3, a[i] * a[i], a[i] + 1 + a[0])))
    assert found.integer_ops == 3 * 1 + 5 * 2


def test_a_ragged_tile_counts_what_is_executed() -> None:
    a = vector("a", size=10)
    schedule = s_tir.Schedule(te.create_prim_func([a, te.compute((10,), lambda i: a[i] + 1, "sum")]))
    (loop,) = schedule.get_loops(schedule.get_sblock("sum"))
    schedule.vectorize(schedule.split(loop, [None, 4])[1])
    assert count(schedule.mod["main"]).operations == Operations(integer_ops=1, loaded=4, stored=4) * 10


def test_the_initial_value_of_a_sum_is_stored_once() -> None:
    a, k = te.placeholder((4, 6), "int32", "a"), te.reduce_axis((0, 6), "k")
    found = counted(a, te.compute((4,), lambda i: te.sum(a[i, k], axis=k)))
    assert (found.integer_ops, found.stored) == (4 * 6, 4 * (4 + 4 * 6))


def test_bytes_are_those_of_parameters_and_buffers() -> None:
    a = vector("a", "int16")
    between = te.compute((8,), lambda i: a[i] + a[i], "between")
    found = count(te.create_prim_func([a, te.compute((8,), lambda i: between[7 - i])]))
    assert (found.compulsory, found.scratch) == (2 * 8 + 2 * 8, 2 * 8)


def test_an_unknown_instruction_is_an_error() -> None:
    a = vector("a", "float32")
    function = te.create_prim_func([a, te.compute((8,), lambda i: llvm_call("float32", "llvm.sin", a[i]))])
    with pytest.raises(ValueError, match=r"expected an instruction whose operations are known, got llvm\.sin"):
        count(function)


def rows(operator: Operator) -> list[Any]:
    return [
        pytest.param(operator, row, target, id=f"{row.lowering.name} {target.name} {operator.label()}")
        for target in TARGETS
        for row in rows_for(operator, target)
    ]


def default_count(operator: Operator, row: Row, target: Target) -> Count:
    setting = Setting(operator, target, 1)
    function = row.lowering.function(operator, target)
    return count(row.space.scheduled(function, setting, row.space.default(setting)))


def macs(operator: Operator) -> int:
    return sum(product.macs for product in operator.cost().products)


WHOLE: tuple[Conv2d | Dense, ...] = (
    Conv2d(1, 4, 16, 64, 64, epilogue=PLAIN),
    Conv2d(1, 2, 16, 128, 64, kernel=(1, 1), padding=(0, 0), activation_bits=2, weight_bits=2, epilogue=PLAIN),
    Conv2d(1, 2, 16, 256, 128, groups=2, epilogue=PLAIN),
    Dense(16, 128, 64, epilogue=PLAIN),
)


@pytest.mark.parametrize(("operator", "row", "target"), [case for operator in WHOLE for case in rows(operator)])
def test_binary_layers_that_fill_words_and_vectors(operator: Conv2d | Dense, row: Row, target: Target) -> None:
    """By bits: 2 MACs for every pair of planes. By bytes: 2 MACs whatever the planes, and what unpacks the bits."""
    done = default_count(operator, row, target).operations
    planes = operator.activation_bits * operator.weight_bits
    if done.bops:
        assert done.bops == 2 * macs(operator) * planes
        assert done.integer_ops <= done.bops // 5
    else:
        assert 2 * macs(operator) <= done.integer_ops <= 2.2 * macs(operator)


ODD = (
    Conv2d(1, 3, 5, 100, 48, stride=(2, 1), dilation=(1, 2), epilogue=PLAIN),
    Dense(7, 70, 33, epilogue=PLAIN),
)


@pytest.mark.parametrize(("operator", "row", "target"), [case for operator in ODD for case in rows(operator)])
def test_binary_layers_that_do_not(operator: Conv2d | Dense, row: Row, target: Target) -> None:
    """Padding counts: words of 128 channels, tiles of at most 64 filters, blocks of at most 8 rows."""
    done = default_count(operator, row, target).operations
    conv = operator.as_conv2d() if isinstance(operator, Dense) else operator
    pixels_and_rest = math.ceil(math.prod(conv.output_size) / 8) * 8
    most = 2 * pixels_and_rest * math.prod(conv.kernel) * 128 * 64
    assert 2 * macs(operator) <= done.bops + done.integer_ops <= 1.2 * most


REAL = (
    RealConv2d(1, 5, 7, 16, 64, epilogue=PLAIN),
    RealConv2d(1, 6, 8, 32, 64, kernel=(1, 1), padding=(0, 0), stride=(2, 2), input_dtype="int16", epilogue=PLAIN),
)


@pytest.mark.parametrize(("operator", "row", "target"), [case for operator in REAL for case in rows(operator)])
def test_real_convolutions(operator: RealConv2d, row: Row, target: Target) -> None:
    """Where 128 is taken off the bytes, it is put on the sums again; borders of rows are met more than once."""
    shifted = 3 * math.prod(operator.inputs()[0].shape) + _outputs(operator)
    most = shifted if row.lowering.name == "signed-bytes" else 0
    assert 0 <= default_count(operator, row, target).operations.integer_ops - 2 * macs(operator) <= most


ATTENTION = (
    PooledAttention(1, 3, 4, 110, 64, 128, epilogue=PLAIN),
    PooledAttention(2, 2, 2, 16, 64, 64, epilogue=PLAIN),
)


@pytest.mark.parametrize(("operator", "row", "target"), [case for operator in ATTENTION for case in rows(operator)])
def test_attention(operator: PooledAttention, row: Row, target: Target) -> None:
    """Every pixel meets the anchors, which are padded to whole vectors; only mixing goes without padding."""
    done = default_count(operator, row, target).operations
    number = math.prod(pixels(operator))
    name = row.lowering.name
    whole = {"attention-dot": 64, "attention-bytes": 16, "attention-quads": 16}.get(name, target.lanes)
    anchors = math.ceil(operator.anchors / whole) * whole
    assert done.bops == 2 * number * anchors * operator.key_channels
    assert number * operator.anchors <= done.lookups <= number * anchors
    assert done.divisions == number
    assert number * anchors <= done.comparisons <= number * (anchors + target.lanes + 1) + done.lookups
    mixing = 2 * number * operator.anchors * operator.value_channels
    # The magnitude of a difference is one operation more than a product, and half of the channels take it; what these
    # sums have too much of is counted once a call.
    most, laid_out = (1.5 * mixing, 10) if name == "attention-bytes" else (1.25 * mixing, 8)
    assert mixing <= done.integer_ops <= most + laid_out * operator.batch * anchors * operator.value_channels


def _outputs(operator: Any) -> int:
    return math.prod(operator.outputs()[0].shape)


OTHERS: list[tuple[Operator, Callable[[Any], dict[str, int]]]] = [
    # 3 weights other than 1, 4 terms
    (Upsample2x(1, 3, 5, 64, epilogue=PLAIN), lambda o: {"integer_ops": 6 * _outputs(o), "comparisons": 0}),
    (AvgPool2d(1, 4, 6, 64, epilogue=PLAIN), lambda o: {"integer_ops": 3 * _outputs(o), "comparisons": 0}),
    (
        Bitpack(1, 3, 5, 64, epilogue=Epilogue("none", outputs=("signs",))),
        lambda o: {"comparisons": 3 * 5 * 64, "bops": 0},
    ),
    # a quotient, a rest, and the rest's quotient
    (AnchorPool(1, 5, 7, 64, grids=(1,), epilogue=PLAIN), lambda o: {"divisions": 3 * 64, "lookups": 0}),
    (ChannelGate(1, 3, 5, 64, epilogue=PLAIN), lambda o: {"integer_ops": _outputs(o), "lookups": 64}),
    (Labels(1, 3, 4, 5, 4), lambda o: {"comparisons": _outputs(o) * 4, "divisions": 0}),
]


@pytest.mark.parametrize(
    ("operator", "row", "target", "formula"),
    [pytest.param(*case.values, formula, id=case.id) for operator, formula in OTHERS for case in rows(operator)],
)
def test_the_other_operators(
    operator: Operator, row: Row, target: Target, formula: Callable[[Any], dict[str, int]]
) -> None:
    done = default_count(operator, row, target).operations
    assert {name: getattr(done, name) for name in formula(operator)} == formula(operator)


def test_every_kind_and_every_lowering_is_counted() -> None:
    operators: list[Operator] = [*WHOLE, *ODD, *REAL, *ATTENTION, *(operator for operator, _ in OTHERS)]
    met = {row.lowering.name for target in TARGETS for operator in operators for row in rows_for(operator, target)}
    assert met == {row.lowering.name for row in ROWS}


def test_bytes_of_an_operator_are_its_own() -> None:
    """Inputs, outputs and the parameters in the layout of the lowering."""
    operator, target = WHOLE[0], TARGETS[-1]
    row = rows_for(operator, target)[0]
    specs = [*data_inputs(operator), *row.lowering.parameters(operator, target), *operator.outputs()]
    assert default_count(operator, row, target).compulsory == sum(spec.nbytes for spec in specs)
