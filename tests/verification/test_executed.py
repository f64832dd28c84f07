"""Counts from loop nests against what the processor executes, one instruction after the other.

Bits that are met and bytes that are multiplied agree exactly. What surrounds them is the compiler's to rearrange, so
all integer arithmetic agrees within a tenth: scalar arithmetic, which is addressing as well, is not looked at.
"""

import pytest

from tests.verification.steps import Executed, executed, unavailable
from tvm_bnn.lowering.registry import row_named
from tvm_bnn.ops import Conv2d, Epilogue, Operator, PooledAttention, RealConv2d
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Target, cpu_flags, load
from tvm_bnn.tuning.plan import Choice
from tvm_bnn.verification.counting import count
from tvm_bnn.verification.operations import Operations

ATTENTION = PooledAttention(1, 1, 4, 16, 64, 64, epilogue=Epilogue())
CONV = Conv2d(1, 2, 3, 64, 64, epilogue=Epilogue())
REAL_CONV = RealConv2d(1, 2, 4, 16, 32, epilogue=Epilogue("none", outputs=("accumulator",)))

KERNELS: dict[str, tuple[tuple[str, Operator], ...]] = {
    "x86-avx512": (
        ("attention-dot", ATTENTION),
        ("pooled-attention", ATTENTION),
        ("popcount-lanes", CONV),
        ("popcount-bytes", CONV),
        ("binary-dot", CONV),
        ("dot-lanes", REAL_CONV),
    ),
    "x86-avx2": (("popcount-bytes", CONV),),
}
"""Lowerings whose vectors have no work but that of the operator, by target."""

_COUNTING = ("vpopcntb", "vpopcntw", "vpopcntd", "vpopcntq")
_PER_WORD = {
    **dict.fromkeys(("vpaddd", "vpsubd", "vpmulld", "vpsrad", "vpsravd", "vpslld", "vpsllvd", "vpsrld", "vpsrlvd"), 1),
    **dict.fromkeys(("vpandd", "vpord", "vpand", "vpor"), 1),
    **dict.fromkeys(("vpaddw", "vpsubw", "vpmullw", "vpaddsw", "vpsubsw", "vpsllw", "vpsrlw"), 2),
    **dict.fromkeys(("vpaddb", "vpsubb"), 4),
    # two products and their sum, with or without one that was there before
    "vpmaddwd": 3,
    "vpdpwssd": 4,
    "vpdpbusd": 8,
}
"""Integer operations of a vector instruction on every 32 bits."""

Compared = tuple[Operator, str, Operations, Executed]


@pytest.fixture(scope="module", params=list(KERNELS))
def compared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Compared]:
    """Operator, lowering, counted, executed."""
    reason = unavailable()
    if reason is not None:
        pytest.skip(reason)
    target = load(request.param)
    if not target.requires <= cpu_flags():
        pytest.skip(f"this processor does not run {target.name}")
    kernels = [(operator, _choice(name, operator, target)) for name, operator in KERNELS[target.name]]
    met = executed(kernels, target, tmp_path_factory.mktemp("kernels"))
    if met is None:
        pytest.skip("this system does not let a process be traced")
    return [
        (operator, choice.row.lowering.name, count(choice.scheduled(operator, target, 1)).operations, done)
        for (operator, choice), done in zip(kernels, met, strict=True)
    ]


def _choice(lowering: str, operator: Operator, target: Target) -> Choice:
    row = row_named(operator, target, lowering)
    assert row is not None
    return Choice(row, row.space.default(Setting(operator, target, 1)), "default")


def test_bits_that_are_met(compared: list[Compared]) -> None:
    """By instructions that count bits, or by look-ups of four bits each, which is how AVX2 counts."""
    for operator, lowering, counted, done in compared:
        bits = 8 * done.bytes(*_COUNTING) + 4 * done.bytes("vpshufb")
        if counted.bops:
            assert counted.bops == 2 * bits, f"{lowering} {operator.label()}"


def test_bytes_that_are_multiplied(compared: list[Compared]) -> None:
    """Four products and as many additions a lane."""
    for operator, lowering, counted, done in compared:
        products = 2 * done.bytes("vpdpbusd")
        if operator == REAL_CONV and products:
            assert counted.integer_ops == products
        if lowering == "attention-dot":
            assert products == operator.cost().products[1].macs * 2
        if lowering == "binary-dot":
            assert products == operator.cost().binary_macs * 2


def test_integer_arithmetic(compared: list[Compared]) -> None:
    for operator, lowering, counted, done in compared:
        found = sum(each * done.bytes(name) // 4 for name, each in _PER_WORD.items())
        assert counted.integer_ops == pytest.approx(found, rel=0.1), f"{lowering} {operator.label()}"
