import io

import pytest
from PIL import Image

from tvm_bnn.reporting.attention_plot import CostPoint, attention_plot, exponent

POINTS = [CostPoint(n, 384 * n**2, 45_000 * n, 1e-5 * n**2, 2e-4 * n**1.1) for n in (256, 1024, 4096)]


def test_the_exponent_is_that_of_the_power() -> None:
    assert exponent(POINTS, lambda point: point.our_operations) == pytest.approx(1)
    assert exponent(POINTS, lambda point: point.our_ms) == pytest.approx(1.1)
    assert exponent(POINTS, lambda point: point.dense_ms) == pytest.approx(2)


def test_the_picture() -> None:
    with Image.open(io.BytesIO(attention_plot(POINTS, "here", "png"))) as picture:
        assert (picture.format, picture.size) == ("PNG", (1650, 720))


def test_the_drawing_is_the_same_every_time() -> None:
    drawing = attention_plot(POINTS, "here", "svg")
    assert drawing == attention_plot(POINTS, "here", "svg")
    for told in (b"here", b"dense / 100", b"operations of the products", b"milliseconds of the products"):
        assert told in drawing
