import dataclasses
from itertools import product
from typing import Any, get_args

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.models.config import WIDTHS, Attention, Design, SegmentationConfig, Upsampling, check_size
from tvm_bnn.models.presets import PRESETS


def test_json_and_back() -> None:
    for config in PRESETS.values():
        assert SegmentationConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "design", [Design(*choice) for choice in product(get_args(Upsampling), get_args(Attention), (False, True))]
)
def test_json_keeps_the_design(design: Design) -> None:
    config = dataclasses.replace(PRESETS["ecssd"], width="XS", design=design)
    assert SegmentationConfig.from_json(config.to_json()) == config
    assert design.integer == (not design.real and design.attention != "dense")


@pytest.mark.parametrize(
    ("field", "choice", "message", "nearest"),
    [
        ("upsampling", "multibranch", "upsampling: expected bilinear, single, .*, got 'multibranch'", "multi-branch"),
        ("attention", "Pooled", "attention: expected none, pooled, dense, got 'Pooled'", "pooled"),
    ],
)
def test_unknown_choices(field: str, choice: str, message: str, nearest: str) -> None:
    fields: dict[str, Any] = {field: choice}
    with pytest.raises(UsageError, match=message) as caught:
        Design(**fields)
    assert str(caught.value.hint).startswith(f"did you mean '{nearest}'?")


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"classes": 3}'])
def test_other_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SegmentationConfig.from_json(text)


def test_widths_fit_the_words() -> None:
    for name, width in WIDTHS.items():
        assert len(width.channels) == len(width.depths) == 4
        assert name == "XS" or all(channels % 64 == 0 for channels in width.channels)
        assert all(wide % narrow == 0 for narrow, wide in zip(width.channels, width.channels[1:], strict=False))


def test_unknown_width() -> None:
    with pytest.raises(UsageError, match="S, M, L, got 'XL'"):
        SegmentationConfig("x", (), (32, 32), "XL")


@pytest.mark.parametrize(
    ("size", "hint"),
    [
        ((380, 1248), "height 352 or 384"),
        ((380, 1240), "height 352 or 384, width 1216 or 1248"),
        ((16, 64), "height 32"),
        ((-64, 64), "height 32"),
        ((64, 0), "width 32"),
    ],
)
def test_sizes_that_do_not_work(size: tuple[int, int], hint: str) -> None:
    with pytest.raises(UsageError, match=f"multiples of 32, got {size[0]}x{size[1]}") as caught:
        check_size(size, 32)
    assert caught.value.hint == f"sizes that work: {hint}"


def test_sizes_that_work() -> None:
    check_size((32, 1248), 32)
