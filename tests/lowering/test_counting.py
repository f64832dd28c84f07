"""What popcount lowerings compare and scale: against the accumulator and the epilogue's definition, by NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from tests.strategies import POLARITIES, by_name, random_inputs
from tvm_bnn.lowering import counting, popcount
from tvm_bnn.ops import Conv2d, Epilogue
from tvm_bnn.ops.bits import unpack_bits
from tvm_bnn.ops.tensors import Array

SIGNS = Epilogue(outputs=("signs",))
CONV = Conv2d(1, 4, 4, 70, 64, kernel=(2, 3), padding=(0, 0), epilogue=SIGNS)
BITS = [(1, 1), (3, 2)]


def counts_of(conv: Conv2d, accumulator: Array, canonical: dict[str, Array]) -> Array:
    """The counts that stand for an accumulator without a border."""
    base = popcount.base(conv, canonical["weight"].reshape(conv.out_channels, *conv.kernel, -1))
    counts, rest = np.divmod(accumulator - base, popcount.factor(conv))
    assert not rest.any()
    return counts


def drawn(conv: Conv2d, seed: int = 0) -> tuple[Array, dict[str, Array]]:
    """An accumulator that occurs, and canonical parameters."""
    named = by_name(conv, random_inputs(conv, np.random.default_rng(seed)))
    return conv.accumulate(named["x"], named["weight"]), named


@pytest.mark.parametrize(("activation_bipolar", "weight_bipolar"), POLARITIES)
@pytest.mark.parametrize(("activation_bits", "weight_bits"), BITS)
@pytest.mark.parametrize(
    "epilogue", [SIGNS, Epilogue("bias", outputs=("signs",)), Epilogue("none", outputs=("signs",))]
)
def test_limits_decide_as_the_epilogue_does(
    activation_bipolar: bool, weight_bipolar: bool, activation_bits: int, weight_bits: int, epilogue: Epilogue
) -> None:
    conv = replace(
        CONV,
        activation_bipolar=activation_bipolar,
        weight_bipolar=weight_bipolar,
        activation_bits=activation_bits,
        weight_bits=weight_bits,
        epilogue=epilogue,
    )
    for seed in range(8):
        accumulator, canonical = drawn(conv, seed)
        packed = counting.pack(conv, canonical)
        counts = counts_of(conv, accumulator, canonical)
        found = (counts >= packed["limit"]) ^ unpack_bits(packed["flip"], 64)
        (signs,) = epilogue.reference(accumulator, canonical)
        np.testing.assert_array_equal(found, unpack_bits(signs, 64))
        assert packed["limit"].shape == (64,)
        assert packed["limit"].min() >= 0


@pytest.mark.parametrize("mul", [-3, -1, 0, 1, 7])
@pytest.mark.parametrize("threshold", [-32768, -32767, -5, 0, 5, 32767])
@pytest.mark.parametrize("add", [-(2**30), -1, 0, 4, 2**30])
def test_limits_at_the_edges(mul: int, threshold: int, add: int) -> None:
    counts = np.arange(421)
    values = {"mul": mul, "add": add, "shift": 1, "threshold": threshold}
    full = {name: np.full(64, value, np.int16 if name == "threshold" else np.int32) for name, value in values.items()}
    weight = np.zeros((64, 2, 3, 4), np.int32)
    packed = counting.pack(CONV, full | {"weight": weight})
    accumulator = np.repeat((420 - 2 * counts)[:, None], 64, 1).astype(np.int32)
    (signs,) = SIGNS.reference(accumulator, full)
    found = (counts[:, None] >= packed["limit"]) ^ unpack_bits(packed["flip"], 64)
    np.testing.assert_array_equal(found, unpack_bits(signs, 64))


@pytest.mark.parametrize(("activation_bipolar", "weight_bipolar"), POLARITIES)
@pytest.mark.parametrize("bits", BITS)
def test_scaled_counts_are_scaled_accumulators(
    activation_bipolar: bool, weight_bipolar: bool, bits: tuple[int, int]
) -> None:
    conv = replace(
        CONV,
        activation_bipolar=activation_bipolar,
        weight_bipolar=weight_bipolar,
        activation_bits=bits[0],
        weight_bits=bits[1],
        epilogue=Epilogue(),
    )
    accumulator, canonical = drawn(conv)
    packed = counting.pack(conv, canonical)
    counts = counts_of(conv, accumulator, canonical)
    wanted = accumulator * canonical["mul"] + canonical["add"]
    np.testing.assert_array_equal(counts * packed["mul"] + packed["add"], wanted)


@pytest.mark.parametrize(
    ("fields", "compared"),
    [
        ({}, True),
        ({"out_channels": 65}, False),
        ({"epilogue": Epilogue(outputs=("signs", "stream"))}, False),
        ({"epilogue": Epilogue(rprelu=True, outputs=("signs",))}, False),
        ({"epilogue": Epilogue(shortcut_channels=64, outputs=("signs",))}, False),
        ({"epilogue": Epilogue("bias", outputs=("signs",))}, True),
    ],
)
def test_only_bare_signs_of_whole_words_are_compared(fields: dict[str, object], compared: bool) -> None:
    conv = replace(CONV, **fields)  # type: ignore[arg-type]
    assert counting.compares_counts(conv) is compared
    assert ("limit" in {spec.name for spec in counting.parameters(conv)}) is compared


@pytest.mark.parametrize(
    "epilogue", [SIGNS, Epilogue(), Epilogue("none", outputs=("accumulator",)), Epilogue("bias", outputs=("signs",))]
)
def test_parameters_are_packed_as_they_are_declared(epilogue: Epilogue) -> None:
    edges = [replace(CONV, padding=(1, 2)), replace(CONV, padding=(1, 2), pad_value="zero"), CONV]
    for conv in (replace(edge, epilogue=epilogue) for edge in edges):
        _, canonical = drawn(conv)
        packed = counting.pack(conv, canonical)
        for spec in counting.parameters(conv):
            assert packed[spec.name].shape == spec.shape, spec.name
            assert packed[spec.name].dtype == spec.dtype, spec.name


def test_without_signs_alone_the_base_is_kept() -> None:
    conv = replace(CONV, epilogue=Epilogue("none", outputs=("accumulator",)))
    accumulator, canonical = drawn(conv)
    counts = counts_of(conv, accumulator, canonical)
    found = counting.pack(conv, canonical)["base"] + popcount.factor(conv) * counts
    np.testing.assert_array_equal(found, accumulator)
