import dataclasses

import pytest

from tvm_bnn.ops import AvgPool2d, Conv2d, Operator, PooledAttention, RealConv2d
from tvm_bnn.profiling.roofline import least_ms, roofline_fraction
from tvm_bnn.targets import Fact, Target, load


def target(**facts: float) -> Target:
    """A target with round numbers: 1000 Gop/s in one bit, 100 in eight, caches too fast to matter."""
    values = {"binary_gops_per_core": 1000, "int8_gops_per_core": 100, "cache_gbytes_per_s": 1e9} | facts
    return dataclasses.replace(
        load("cpu-portable"), facts={name: Fact(value, "", "nominal") for name, value in values.items()}
    )


CONV = Conv2d(1, 32, 32, 64, 64)
GOPS = 2 * 32 * 32 * 64 * 576 / 1e9


def test_one_bit_work_takes_the_time_of_its_peak() -> None:
    assert least_ms(CONV, target(), 1) == pytest.approx(GOPS / 1000 * 1e3)


def test_eight_bits_count_where_they_are_faster_than_popcount() -> None:
    assert least_ms(CONV, target(int8_gops_per_core=4000), 1) == pytest.approx(GOPS / 4000 * 1e3)


def test_tiles_count_where_the_target_has_them() -> None:
    tiles = target(amx_int8_gops_per_core=4000)
    assert least_ms(CONV, tiles, 1) == pytest.approx(GOPS / 4000 * 1e3)
    assert least_ms(RealConv2d(1, 32, 32, 64, 64), tiles, 1) == pytest.approx(GOPS / 4000 * 1e3)


@pytest.mark.parametrize(("bits", "peak"), [(1, 1000), (8, 125), (16, 100)])
def test_bit_planes_cost_their_product(bits: int, peak: float) -> None:
    activation, weight = (8, 2) if bits == 16 else (bits, 1)
    operator = dataclasses.replace(CONV, activation_bits=activation, weight_bits=weight)
    assert least_ms(operator, target(), 1) == pytest.approx(GOPS / peak * 1e3)


def test_integers_go_by_the_eight_bit_peak() -> None:
    assert least_ms(RealConv2d(1, 32, 32, 64, 64), target(), 1) == pytest.approx(GOPS / 100 * 1e3)


def test_products_of_several_widths_add_up() -> None:
    operator = PooledAttention(1, 32, 32, 64, 64, 128, value_bits=4)
    scores, mixing = (2 * 32 * 32 * 64 * channels / 1e9 for channels in (64, 128))
    assert least_ms(operator, target(), 1) == pytest.approx((scores / 1000 + mixing / 100) * 1e3)
    fast = target(binary_gops_per_core=32000)
    assert least_ms(operator, fast, 1) == pytest.approx((scores / 32000 + mixing / 1000) * 1e3)


@pytest.mark.parametrize("operator", [CONV, AvgPool2d(1, 32, 32, 64)])
def test_traffic_bounds_what_has_little_to_compute(operator: Operator) -> None:
    slow = target(cache_gbytes_per_s=0.001)
    assert least_ms(operator, slow, 1) == pytest.approx(operator.bytes_moved / 0.001 / 1e6)


def test_threads_divide_the_least_time() -> None:
    assert least_ms(CONV, target(), 4) == least_ms(CONV, target(), 1) / 4


def test_fraction() -> None:
    assert roofline_fraction([CONV, CONV], target(), 1, 4 * least_ms(CONV, target(), 1)) == 0.5


def gpu(name: str, **facts: float) -> Target:
    """A GPU with round numbers: 1000 Gop/s by popcount, 4000 by 8-bit tensor cores."""
    peaks = {"binary_gops_per_core": 1000, "tensor_int8_gops_per_core": 4000, "cache_gbytes_per_s": 1e9} | facts
    return dataclasses.replace(load(name), facts={key: Fact(value, "", "nominal") for key, value in peaks.items()})


def test_tensor_cores_for_bits_count_where_their_peak_is_published() -> None:
    known = gpu("a100", tensor_binary_gops_per_core=32000)
    assert least_ms(CONV, known, 1) == pytest.approx(GOPS / 32000 * 1e3)
    assert roofline_fraction([CONV], known, 1, 2 * least_ms(CONV, known, 1)) == 0.5


def test_where_it_is_not_nothing_bounds_products_of_bits() -> None:
    unknown, real = gpu("h200"), RealConv2d(1, 32, 32, 64, 64)
    assert roofline_fraction([CONV], unknown, 1, 1.0) is None
    assert roofline_fraction([real, CONV], unknown, 1, 1.0) is None
    assert roofline_fraction([real], unknown, 1, 2 * GOPS / 4000 * 1e3) == pytest.approx(0.5)
    assert roofline_fraction([AvgPool2d(1, 32, 32, 64)], unknown, 1, 1.0) is not None


def test_of_the_shipped_gpus_one_has_a_published_peak_for_bits() -> None:
    known = [name for name in ("h200", "a100", "orin") if roofline_fraction([CONV], load(name), 1, 1.0) is not None]
    assert known == ["a100"]
    assert load("a100").peak("tensor_binary_gops_per_core") * 108 == pytest.approx(4_992_000, rel=1e-4)
