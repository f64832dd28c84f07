import pytest

from tvm_bnn.ops import Conv2d, Labels
from tvm_bnn.reporting.labels import count, percent, shape_label, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (512, "512"),
        (999, "999"),
        (1000, "1k"),
        (36864, "36.9k"),
        (999_400, "999k"),
        (999_600, "1M"),
        (999_999_999, "1G"),
        (1_104_150_528, "1.1G"),
        (2.5e12, "2.5T"),
        (9e15, "9000T"),
    ],
)
def test_count(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (624, "624 B"), (6530, "6.53 kB"), (999_999, "1 MB"), (1_660_000, "1.66 MB"), (3e9, "3 GB")],
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


def test_percent() -> None:
    assert [percent(share) for share in (0, 0.1234, 1)] == ["0.0%", "12.3%", "100.0%"]


def test_shape_label_leaves_the_kind_to_its_own_column() -> None:
    assert shape_label(Conv2d(1, 96, 312, 64, 64)) == "3x3 64->64 96x312"
    assert shape_label(Labels(1, 4, 6, 3, 4)) == "3 x4 16x24"
