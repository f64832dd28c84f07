import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.oracle import assert_same, finish, plain_values
from tests.strategies import (
    ACCUMULATOR,
    BIAS,
    CHANNELS,
    INT32_MAX,
    LIGHT,
    Array,
    epilogues,
    random_epilogue_inputs,
    seeds,
)
from tvm_bnn.ops import Epilogue
from tvm_bnn.ops.epilogue import SLOPE_LIMIT, check_parameters

IDENTITY = {"mul": 1, "add": 0, "shift": 0}
RPRELU_STREAM = Epilogue(rprelu=True)
CODES = Epilogue(outputs=("codes",), code_bits=8)
PLAIN_CODES = Epilogue("none", outputs=("codes",), code_bits=8)
BIASED_CODES = Epilogue("bias", outputs=("codes",), code_bits=8)
BOUNDS = (1, 9, 576, 2**19, 2**24 + 1, 2**30, INT32_MAX)


def parameters(channels: int, **values: Any) -> dict[str, Array]:
    """One number, or one for each channel, as the arrays an epilogue reads."""
    return {name: np.array(np.broadcast_to(np.array(value, np.int32), channels)) for name, value in values.items()}


def outputs(epilogue: Epilogue, accumulator: list[int], shortcut: Any = (), **values: Any) -> list[Array]:
    """What the reference writes for one pixel; the scalar definition has agreed, and saw no step overflow."""
    named = parameters(len(accumulator), **values) | {"shortcut": np.array([shortcut], np.int16)}
    written = epilogue.reference(np.array([accumulator], np.int32), named)
    for actual, expected in zip(written, finish(epilogue, np.array([accumulator]), named), strict=True):
        assert_same(actual, expected)
    return [array[0] for array in written]


def only(epilogue: Epilogue, accumulator: list[int], shortcut: Any = (), **values: Any) -> list[int]:
    """The only output for one pixel."""
    (written,) = outputs(epilogue, accumulator, shortcut, **values)
    return list(written.tolist())


def signs(epilogue: Epilogue, accumulator: list[int], **values: Any) -> list[int]:
    """The only output for one pixel, packed signs, as 0 and 1."""
    (words,) = outputs(epilogue, accumulator, **values)
    number = int.from_bytes(words.tobytes(), "little")
    assert number < 2 ** len(accumulator)
    return [number >> channel & 1 for channel in range(len(accumulator))]


# Any epilogue is its scalar definition


@settings(LIGHT, max_examples=80)
@given(st.data(), st.sampled_from(CHANNELS), st.sampled_from(BOUNDS), seeds)
def test_reference_is_the_scalar_definition(data: st.DataObject, channels: int, bound: int, seed: int) -> None:
    epilogue = data.draw(epilogues(channels))
    rng = np.random.default_rng(seed)
    accumulator = rng.integers(-bound, bound, (2, 3, channels), np.int32, endpoint=True)
    accumulator[0, 0], accumulator[0, 1] = -bound, bound
    named = random_epilogue_inputs(epilogue, accumulator.shape, bound, rng)
    check_parameters(epilogue, bound, named)
    before = accumulator.copy()
    written = epilogue.reference(accumulator, named)
    assert_same(accumulator, before)
    for actual, expected in zip(written, finish(epilogue, accumulator, named), strict=True):
        assert_same(actual, expected)


@LIGHT
@given(st.data(), st.sampled_from(CHANNELS))
def test_specs_tell_what_is_read_and_written(data: st.DataObject, channels: int) -> None:
    epilogue = data.draw(epilogues(channels))
    shape = (2, 3, channels)
    named = random_epilogue_inputs(epilogue, shape, 9, np.random.default_rng(0))
    specs = epilogue.inputs(shape)
    assert [(spec.name, spec.shape, np.dtype(spec.dtype)) for spec in specs] == [
        (name, array.shape, array.dtype) for name, array in named.items()
    ]
    written = epilogue.reference(np.zeros(shape, np.int32), named)
    assert [(spec.name, spec.shape, np.dtype(spec.dtype)) for spec in epilogue.output_specs(shape)] == [
        (name, array.shape, array.dtype) for name, array in zip(epilogue.outputs, written, strict=True)
    ]


def test_order_of_the_inputs() -> None:
    everything = Epilogue(shortcut_channels=2, rprelu=True, outputs=("codes", "signs"), code_bits=3)
    specs = everything.inputs((1, 4))
    names = "shortcut mul add shift shortcut_mul rprelu_in rprelu_slope rprelu_out threshold code_mul code_add"
    assert [spec.name for spec in specs] == [*names.split(), "code_shift"]
    assert [spec.name for spec in specs if spec.role == "data"] == ["shortcut"]
    assert {spec.dtype for spec in specs if spec.name in ("shortcut", "threshold")} == {"int16"}


def test_thresholds_are_as_wide_as_the_value() -> None:
    (threshold,) = Epilogue("none", outputs=("signs",)).inputs((3, 5))
    assert (threshold.dtype, threshold.shape) == ("int32", (5,))


@pytest.mark.parametrize("order", [("stream", "byte", "signs"), ("signs", "stream", "byte")])
def test_outputs_come_in_the_order_asked_for(order: tuple[Any, ...]) -> None:
    found = outputs(Epilogue(outputs=order), [300], **IDENTITY, threshold=300)
    by_name = dict(zip(order, (array.tolist() for array in found), strict=True))
    assert by_name == {"stream": [300], "byte": [255], "signs": [1, 0]}


# Affine, rounding, saturation


@pytest.mark.parametrize(
    ("value", "saturated"),
    [
        *((32766, 32766), (32767, 32767), (32768, 32767), (INT32_MAX, 32767)),
        *((-32767, -32767), (-32768, -32768), (-32769, -32768), (-INT32_MAX, -32768)),
    ],
)
def test_stream_saturates_at_its_edges(value: int, saturated: int) -> None:
    assert only(Epilogue(), [value], **IDENTITY) == [saturated]


@pytest.mark.parametrize(("value", "byte"), [(-32769, 0), (-1, 0), (0, 0), (1, 1), (254, 254), (255, 255), (256, 255)])
def test_byte_saturates_at_its_edges(value: int, byte: int) -> None:
    assert only(Epilogue(outputs=("byte",)), [value], **IDENTITY) == [byte]


def test_every_sum_saturates_only_once_it_is_complete() -> None:
    epilogue = Epilogue(shortcut_channels=1)
    assert only(epilogue, [40000], (-32768,), mul=1, add=-7000, shift=0, shortcut_mul=1) == [232]


@pytest.mark.parametrize("shift", [1, 2, 5, 12])
def test_half_is_rounded_up(shift: int) -> None:
    halves = [half * 2 ** (shift - 1) + around for half in range(-5, 6) for around in (-1, 0, 1)]
    rounded = [math.floor(Fraction(value, 2**shift) + Fraction(1, 2)) for value in halves]
    assert only(Epilogue(), halves, mul=1, add=2 ** (shift - 1), shift=shift) == rounded


def test_half_is_rounded_up_below_zero_too() -> None:
    assert only(Epilogue(), [-3, -2, -1, 0, 1, 2, 3], mul=1, add=1, shift=1) == [-1, -1, 0, 0, 1, 1, 2]


def test_shift_without_rounding_term_goes_down() -> None:
    assert only(Epilogue(), [-5, -4, -1, 0, 3, 4], mul=1, add=0, shift=2) == [-2, -1, -1, 0, 0, 1]


def test_largest_shift_leaves_the_sign() -> None:
    assert only(Epilogue(), [-INT32_MAX, -1, 0, INT32_MAX], mul=1, add=0, shift=31) == [-1, -1, 0, 0]


def test_channels_have_their_own_parameters() -> None:
    assert only(Epilogue(), [10, 10, 10], mul=[1, -2, 3], add=[0, 4, -30], shift=[0, 1, 2]) == [10, -8, 0]


def test_bias_is_added_and_nothing_else() -> None:
    assert only(BIAS, [2**30, -(2**30), 5], add=[2**30 - 1, -(2**30), -7]) == [INT32_MAX, -(2**31), -2]


def test_no_affine_writes_the_accumulator() -> None:
    assert only(Epilogue("none", outputs=("accumulator",)), [INT32_MAX, -INT32_MAX]) == [INT32_MAX, -INT32_MAX]


def test_shortcut_is_repeated_over_the_channels() -> None:
    epilogue = Epilogue(shortcut_channels=2)
    expected = [10, 200, 30, 400, 50, 600]
    assert only(epilogue, [0] * 6, (10, 100), **IDENTITY, shortcut_mul=[1, 2, 3, 4, 5, 6]) == expected


def test_shortcut_reaches_its_own_pixel() -> None:
    epilogue = Epilogue(shortcut_channels=1)
    shortcut = np.arange(6, dtype=np.int16).reshape(2, 3, 1)
    named = parameters(1, **IDENTITY, shortcut_mul=1) | {"shortcut": shortcut}
    assert_same(epilogue.reference(np.zeros((2, 3, 1), np.int32), named)[0], shortcut)


# RPReLU


def test_rprelu_turns_at_the_knee() -> None:
    found = only(RPRELU_STREAM, [99, 100, 101], **IDENTITY, rprelu_in=100, rprelu_slope=-(2**14), rprelu_out=7)
    assert found == [8, 7, 8]


@pytest.mark.parametrize("slope", [1, 8192, 2**14, 3 * 2**13, -(2**14), SLOPE_LIMIT, -SLOPE_LIMIT])
def test_rprelu_rounds_half_up(slope: int) -> None:
    below = list(range(-9, 1))
    rounded = [math.floor(Fraction(value * slope, 2**15) + Fraction(1, 2)) for value in below]
    assert only(RPRELU_STREAM, below, **IDENTITY, rprelu_in=0, rprelu_slope=slope, rprelu_out=0) == rounded


@pytest.mark.parametrize(
    ("value", "offset", "saturated"),
    [(32000, 766, 32766), (32000, 767, 32767), (32000, 768, 32767), (-32000, -769, -32768), (-32000, -770, -32768)],
)
def test_rprelu_saturates_at_the_edges(value: int, offset: int, saturated: int) -> None:
    steepest = {"rprelu_slope": SLOPE_LIMIT}
    assert only(RPRELU_STREAM, [value], **IDENTITY, rprelu_in=0, **steepest, rprelu_out=offset) == [saturated]


def test_rprelu_saturates_the_distance() -> None:
    for knee, value in ((-1000, 32000), (1000, -32000)):
        (found,) = only(RPRELU_STREAM, [value], **IDENTITY, rprelu_in=knee, rprelu_slope=2**14, rprelu_out=0)
        assert found == (32767 if value > 0 else -(2**14))


def test_rprelu_reads_the_saturated_value() -> None:
    assert only(RPRELU_STREAM, [10**6], **IDENTITY, rprelu_in=0, rprelu_slope=0, rprelu_out=-1000) == [31767]


@pytest.mark.parametrize("slope", [SLOPE_LIMIT, -SLOPE_LIMIT])
def test_steepest_slope_at_the_greatest_distance_overflows_nothing(slope: int) -> None:
    extremes = {"rprelu_in": [32767, -32768], "rprelu_slope": slope, "rprelu_out": [-32768, 32767]}
    saturated = only(RPRELU_STREAM, [-(2**20), 2**20], **IDENTITY, **extremes)
    assert saturated == [-32768 if slope > 0 else -1, 32767]


# Signs and codes


@pytest.mark.parametrize("threshold", [-32768, -32767, -1, 0, 1, 32766, 32767])
def test_sign_is_set_from_the_threshold_on(threshold: int) -> None:
    around = [threshold - 1, threshold, threshold + 1]
    saturated = [max(-32768, min(32767, value)) for value in around]
    expected = [int(value >= threshold) for value in saturated]
    assert signs(Epilogue(outputs=("signs",)), around, **IDENTITY, threshold=threshold) == expected


@pytest.mark.parametrize("threshold", [-INT32_MAX, 0, INT32_MAX - 1])
def test_sign_of_a_value_of_32_bits(threshold: int) -> None:
    epilogue = Epilogue("none", outputs=("signs",))
    assert signs(epilogue, [threshold - 1, threshold, threshold + 1], threshold=threshold) == [0, 1, 1]


@pytest.mark.parametrize("channels", CHANNELS)
def test_signs_leave_padding_bits_zero(channels: int) -> None:
    assert signs(Epilogue("none", outputs=("signs",)), [0] * channels, threshold=0) == [1] * channels


@pytest.mark.parametrize("bits", range(1, 9))
def test_codes_are_clamped_at_their_edges(bits: int) -> None:
    epilogue = Epilogue(outputs=("codes",), code_bits=bits)
    top = 2**bits - 1
    values = [-32768, -1, 0, 1, top - 1, top, top + 1, 32767]
    (words,) = outputs(epilogue, values, **IDENTITY, code_mul=1, code_add=0, code_shift=0)
    assert plain_values(words, len(values), bits, bipolar=False).tolist() == [0, 0, 0, 1, top - 1, top, top, top]


def test_codes_round_as_their_addend_says() -> None:
    epilogue = Epilogue("none", outputs=("codes",), code_bits=1)
    (words,) = outputs(epilogue, [-3, -2, 1, 2, 9], code_mul=1, code_add=2, code_shift=2)
    assert words.tolist() == [0b11000, 0]


# What is refused


@pytest.mark.parametrize(
    "fields",
    [
        {"outputs": ()},
        {"outputs": ("stream", "stream")},
        {"outputs": ("accumulator",)},
        {"outputs": ("stream", "accumulator")},
        *({"affine": affine, "outputs": ("stream",)} for affine in ("none", "bias")),
        *({"affine": affine, "outputs": ("signs", "byte")} for affine in ("none", "bias")),
        *({"affine": affine, "outputs": ("signs",), "shortcut_channels": 4} for affine in ("none", "bias")),
        *({"affine": affine, "outputs": ("signs",), "rprelu": True} for affine in ("none", "bias")),
        *({"outputs": outputs} for outputs in ("stream", "", None, {"stream"}, ("sign",), (["stream"],), (None,))),
        *({"affine": affine} for affine in ("Scale", "", None, ["scale"])),
        *({"shortcut_channels": channels} for channels in (-1, 1.0, True, "1", None)),
        *({"rprelu": flag} for flag in (1, None, "yes")),
        *({"outputs": ("codes",), "code_bits": bits} for bits in (0, 9, -1, 1.0, True, None)),
        *({"outputs": ("stream",), "code_bits": bits} for bits in (1, 9, -1, 0.0, False)),
    ],
)
def test_combinations_without_a_meaning_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^epilogue: .+$"):
        Epilogue(**fields)


def test_outputs_may_be_a_list() -> None:
    assert Epilogue(outputs=["stream", "signs"]) == Epilogue(outputs=("stream", "signs"))  # type: ignore[arg-type]


EDGES = [
    (Epilogue(), 3, {"mul": 2**29, "add": 2**29 - 1}),
    (Epilogue(), 3, {"mul": -(2**29), "add": -(2**29) + 1}),
    (Epilogue(), 1, {"mul": INT32_MAX, "add": 0}),
    (Epilogue(), 1, {"mul": 0, "add": INT32_MAX}),
    (Epilogue(), INT32_MAX, {"mul": 1, "add": 0}),
    (Epilogue(shortcut_channels=1), 7, {"mul": 2**27, "shortcut_mul": 2**15, "add": 2**27 - 1}),
    (Epilogue(shortcut_channels=1), 7, {"mul": -(2**27), "shortcut_mul": -(2**15), "add": -(2**27) + 1}),
    (BIAS, 1, {"add": INT32_MAX - 1}),
    (BIAS, INT32_MAX - 5, {"add": -5}),
    (CODES, 2**15, {**IDENTITY, "code_mul": 2**15, "code_add": 2**30 - 1, "code_shift": 31}),
    (CODES, 2**30, {"mul": -1, "add": 0, "code_mul": -(2**15), "code_add": -(2**30) + 1, "code_shift": 0}),
    (PLAIN_CODES, 3, {"code_mul": 2**29, "code_add": 2**29 - 1, "code_shift": 0}),
    (BIASED_CODES, 1, {"add": -2, "code_mul": 2**29, "code_add": 2**29 - 1, "code_shift": 0}),
]
"""An epilogue, the bound of its accumulator, and parameters whose last sum just reaches 2^31 - 1."""


@pytest.mark.parametrize(("epilogue", "bound", "values"), EDGES)
def test_steps_may_reach_the_edge(epilogue: Epilogue, bound: int, values: dict[str, int]) -> None:
    values = {"shift": 0} | values
    check_parameters(epilogue, bound, parameters(1, **values))
    for accumulator in (-bound, 0, bound):
        for shortcut in (-32768, 0, 32767):
            only(epilogue, [accumulator], (shortcut,), **values)


@pytest.mark.parametrize(("epilogue", "bound", "values"), EDGES)
def test_steps_may_not_go_beyond(epilogue: Epilogue, bound: int, values: dict[str, int]) -> None:
    last = "code_add" if "codes" in epilogue.outputs else "add"
    beyond = np.array([values[last]], np.int64) + (-1 if values[last] < 0 else 1)
    with pytest.raises(ValueError, match=str(2**31)):
        check_parameters(epilogue, bound, parameters(1, **({"shift": 0} | values)) | {last: beyond})


@pytest.mark.parametrize("bound", [2**31, 2**32, 2**70])
def test_accumulators_may_not_go_beyond(bound: int) -> None:
    check_parameters(ACCUMULATOR, INT32_MAX, {})
    with pytest.raises(ValueError, match="accumulator"):
        check_parameters(ACCUMULATOR, bound, {})


def test_one_channel_out_of_range_is_enough() -> None:
    named = parameters(3, mul=[1, 2**30, 1], add=0, shift=0)
    check_parameters(Epilogue(), 1, named)
    with pytest.raises(ValueError, match="affine step"):
        check_parameters(Epilogue(), 2, named)


def test_magnitude_of_the_least_integer_is_seen() -> None:
    with pytest.raises(ValueError, match="affine step"):
        check_parameters(Epilogue(), 1, parameters(1, mul=-(2**31), add=0, shift=0))


LIMITS = [
    *((name, limit, beyond) for name in ("shift", "code_shift") for limit, beyond in ((0, -1), (31, 32))),
    *((name, 2**15 - 1, 2**15) for name in ("rprelu_in", "rprelu_out")),
    *((name, -(2**15), -(2**15) - 1) for name in ("rprelu_in", "rprelu_out")),
    ("rprelu_slope", SLOPE_LIMIT, 2**15),
    *(("rprelu_slope", -SLOPE_LIMIT, beyond) for beyond in (-(2**15), -(2**31))),
]
"""A parameter, the last number that is allowed, and one that is not."""


@pytest.mark.parametrize(("name", "limit", "beyond"), LIMITS)
def test_parameters_at_and_beyond_their_limits(name: str, limit: int, beyond: int) -> None:
    epilogue = Epilogue(rprelu=True, outputs=("codes",), code_bits=8)
    zeros = dict.fromkeys([spec.name for spec in epilogue.inputs((1, 2))], 0)
    check_parameters(epilogue, 1, parameters(2, **zeros | {name: [0, limit]}))
    with pytest.raises(ValueError, match=rf"^epilogue: expected {name} in .+$"):
        check_parameters(epilogue, 1, parameters(2, **zeros | {name: [0, beyond]}))
