import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from tests.lowering.layouts import AVX2, AVX512, packed
from tests.lowering.running import assembly, compare, ragged, require
from tests.strategies import POLARITIES, conv2ds
from tvm_bnn.lowering.popcount_words import PopcountWordsConv2d, PopcountWordsDense, Runs, runs
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator
from tvm_bnn.spaces.base import Setting
from tvm_bnn.spaces.words import Words
from tvm_bnn.targets import Target, load, resolve_host

HOST = resolve_host()
CONV = Conv2d(1, 4, 5, 512, 19, padding=(1, 1), pad_value="zero")
SUMS = Epilogue("none", outputs=("accumulator",))
FULL = Epilogue(shortcut_channels=64, rprelu=True, outputs=("stream", "signs"))
OPERATORS: tuple[Operator, ...] = (
    replace(CONV, out_channels=128, epilogue=FULL),
    replace(CONV, in_channels=1000, out_channels=64, stride=(2, 2), epilogue=Epilogue(outputs=("signs",))),
    replace(CONV, dilation=(1, 2), padding=(0, 2), pad_value="one"),
    replace(CONV, in_channels=1024, out_channels=6, groups=2, epilogue=SUMS),
    replace(CONV, out_channels=1, kernel=(1, 1), padding=(0, 0), epilogue=SUMS),
    Dense(1, 2048, 10),
    Dense(37, 512, 70, epilogue=Epilogue(outputs=("codes", "byte"), code_bits=3)),
    Dense(5, 500, 64, activation_bits=3, activation_bipolar=False, epilogue=FULL),
)


def lowering_of(operator: Operator) -> PopcountWordsConv2d:
    return PopcountWordsDense() if operator.kind == "dense" else PopcountWordsConv2d()


@pytest.mark.parametrize(
    ("fields", "target", "wanted"),
    [
        ({}, AVX512, Runs(1, 48, 16)),
        ({"in_channels": 256}, AVX512, Runs(1, 24, 8)),
        ({"in_channels": 256}, AVX2, Runs(1, 24, 8)),
        ({"in_channels": 128}, AVX2, Runs(1, 12, 4)),
        ({"in_channels": 128, "activation_bits": 2}, AVX2, Runs(3, 4, 4)),
        ({"dilation": (2, 1)}, AVX512, Runs(1, 48, 16)),
        ({"dilation": (1, 2)}, AVX512, Runs(3, 16, 16)),
        ({"in_channels": 1024, "groups": 2, "out_channels": 6}, AVX512, Runs(3, 16, 16)),
        ({"in_channels": 128}, AVX512, None),
        ({"in_channels": 64}, AVX2, None),
    ],
)
def test_runs_are_neighbours_that_fill_vectors(fields: dict[str, object], target: Target, wanted: Runs | None) -> None:
    conv = replace(CONV, **fields)  # type: ignore[arg-type]
    assert runs(conv, target) == wanted
    declined = PopcountWordsConv2d().declines(conv, target)
    assert declined is None if wanted else "partly empty" in str(declined)


def test_groups_that_share_words_are_declined() -> None:
    conv = replace(CONV, in_channels=64, out_channels=6, groups=2)
    assert "32 input channels share 64-bit words" in str(PopcountWordsConv2d().declines(conv, AVX2))


@pytest.mark.parametrize("dilation", [1, 2])
def test_lanes_run_over_input_channels(dilation: int) -> None:
    conv = replace(CONV, weight_bits=2, dilation=(1, dilation))
    canonical, arrays = packed(PopcountWordsConv2d(), conv, AVX512)
    weight = arrays["weight"]
    assert weight.shape == ((20, 3, 1, 2, 3, 16) if dilation == 1 else (20, 3, 3, 2, 1, 16))
    assert not weight[19].any()
    words = canonical.reshape(19, 3, 3, 2, 16)
    for row, column, plane in itertools.product(range(3), range(3), range(2)):
        run, vector = (0, column) if dilation == 1 else (column, 0)
        np.testing.assert_array_equal(weight[:19, row, run, plane, vector], words[:, row, column, plane])


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.label())
def test_operators(operator: Operator) -> None:
    setting = Setting(operator, HOST, 2)
    points = [ragged(Words(), setting, 4, 5)] if operator is OPERATORS[0] else []
    compare(lowering_of(operator), Words(), setting, points)


@pytest.mark.parametrize(("activation_bipolar", "weight_bipolar"), POLARITIES)
def test_polarities_of_several_bits(activation_bipolar: bool, weight_bipolar: bool) -> None:
    require(AVX2)
    conv = replace(CONV, in_channels=250, height=2, width=3, activation_bits=3, weight_bits=2, epilogue=SUMS)
    conv = replace(conv, activation_bipolar=activation_bipolar, weight_bipolar=weight_bipolar)
    compare(PopcountWordsConv2d(), Words(), Setting(conv, AVX2, 1), [])


@settings(max_examples=5, deadline=None)
@given(operator=conv2ds(groups=1, in_channels=200))
def test_any_convolution_of_half_vectors(operator: Conv2d) -> None:
    require(AVX2)
    compare(PopcountWordsConv2d(), Words(), Setting(operator, AVX2, 1), [])


@pytest.mark.parametrize("name", ["x86-avx512", "x86-amx"])
def test_a_step_is_three_instructions(name: str) -> None:
    text = assembly(PopcountWordsConv2d(), Words(), Conv2d(1, 8, 8, 2048, 64, epilogue=FULL), load(name))
    loops = [body.split("\n\tj")[0] for body in text.split("\n.LBB") if "vpopcntd" in body]
    inner = max(loops, key=lambda body: body.count("vpopcntd"))
    assert inner.count("vpopcntd") == inner.count("vpaddd") >= 16
    assert not any(word in inner for word in ("vpbroadcast", "vpinsr", "(%rsp)"))
