import numpy as np
import pytest
import torch

from tvm_bnn.errors import UsageError
from tvm_bnn.nn import ActivationCodes, BinarySign
from tvm_bnn.nn.freezing.fold import Affine, accumulator_thresholds, fraction_for, integer_affine, packing_of
from tvm_bnn.ops.bits import decode, unpack_bits, unpack_codes
from tvm_bnn.ops.epilogue import Epilogue, check_parameters

ALL_INT16 = np.arange(-(2**15), 2**15)[:, None]


def affine(scale: list[float], bias: list[float], shortcut: float = 0) -> Affine:
    return Affine(np.array(scale), np.array(bias), np.full(len(scale), shortcut))


@pytest.mark.parametrize(("peak", "fraction"), [(1.0, 14), (1.001, 13), (16384, 0), (1e-9, 20), (1e9, -16), (0, 0)])
def test_fraction_leaves_head_room(peak: float, fraction: int) -> None:
    assert fraction_for(peak) == fraction


def test_multipliers_are_as_fine_as_32_bits_allow() -> None:
    real = affine([0.01, -3.0, 1e-4, 0.0], [0.5, -100.0, 0.0, 2.0], shortcut=1)
    bound = np.array([576, 576, 10**6, 576])
    found = integer_affine(real, bound, 8, 9)
    assert found is not None
    for value in np.unique(bound):
        picked = {name: array[bound == value] for name, array in found.items()}
        check_parameters(Epilogue(shortcut_channels=4), int(value), picked)
    doubled = bound * np.abs(2.0 * found["mul"]) + 2.0**15 * 2 * found["shortcut_mul"] + np.abs(2.0 * found["add"])
    assert (doubled >= 2**31 - 2**16).all()
    a, s = np.array([100, 500, 10**6, 3]), 1000
    total = a * found["mul"] + s * found["shortcut_mul"] + found["add"]
    exact = (a * real.scale + s / 2**9 + real.bias) * 2**8
    # A multiplier is off by half a unit at most, whatever it is multiplied by; then the sum is rounded.
    assert (np.abs((total >> found["shift"]) - exact) <= 1 + a / 2.0 ** (found["shift"] + 1)).all()


def test_multipliers_that_do_not_fit() -> None:
    assert integer_affine(affine([1.0, 1e6], [0.0, 0.0]), np.array([576, 576]), 14, 0) is None


def test_signs_of_all_streams() -> None:
    quantiser = BinarySign(4)
    quantiser.shift.data = torch.tensor([0.0, 0.3, -0.3, 1.0])
    packing = packing_of(quantiser, 4, 10)
    (words,) = Epilogue("none", outputs=("signs",)).reference(np.repeat(ALL_INT16, 4, 1), packing.parameters)
    expected = quantiser(torch.from_numpy(np.repeat(ALL_INT16, 4, 1) / 2.0**10)) > 0
    assert np.array_equal(unpack_bits(words, 4), expected.numpy())


@pytest.mark.parametrize("bipolar", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 5, 8])
@pytest.mark.parametrize("fraction", [0, 10, 18])
def test_codes_of_all_streams(bits: int, bipolar: bool, fraction: int) -> None:
    quantiser = ActivationCodes(bits, bipolar=bipolar).double()
    packing = packing_of(quantiser, 1, fraction)
    epilogue = Epilogue("none", outputs=("codes",), code_bits=bits)
    (words,) = epilogue.reference(ALL_INT16, packing.parameters)
    integers = decode(unpack_codes(words, 1, bits), bits, bipolar=bipolar)
    wrong = integers != quantiser(torch.from_numpy(ALL_INT16 / 2.0**fraction)).detach().numpy()
    assert wrong.mean() < 1e-3


def test_a_step_far_below_the_stream() -> None:
    quantiser = ActivationCodes(2, bipolar=True)
    quantiser.log2_step.data.fill_(-17)
    with pytest.raises(UsageError, match=r"activation step: expected at least 2\^-16"):
        packing_of(quantiser, 1, 0)


def test_thresholds_on_the_sum() -> None:
    quantiser = BinarySign(3)
    quantiser.shift.data = torch.tensor([1.0, 0.5, 1e9])
    real = affine([0.5, 0.3, 1e-3], [0.0, 0.5, 0.0])
    assert accumulator_thresholds(real, quantiser, np.array([10, 10, 10])).tolist() == [2, 0, 11]
