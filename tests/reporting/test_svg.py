import io
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageColor

from tvm_bnn.reporting.drawing import Box, Dot, Drawing, Path, Shape, Text, shortened, text_width
from tvm_bnn.reporting.palette import LIGHT
from tvm_bnn.reporting.png import png
from tvm_bnn.reporting.svg import inline, standalone


@pytest.fixture
def drawing() -> Drawing:
    shapes: list[Shape] = [
        Box(0, 0, 30, 10, "binary", hatched=True, told="a < b"),
        Path(((0, 20), (100, 20)), dashed=True),
        Dot(50, 20, 4, "bytes", ring=True, told="ring"),
        Dot(60, 20, 4, "bytes"),
        Text(0, 40, "3x3 64->64 & $5", "middle"),
    ]
    return Drawing(100, 50, "bars & <rings>", shapes)


def test_both_are_well_formed_and_tell_what_they_show(drawing: Drawing) -> None:
    for text in (inline(drawing), standalone(drawing)):
        root = ElementTree.fromstring(text)
        assert root.get("aria-label") == "bars & <rings>"
        assert root.get("role") == "img"
        assert "3x3 64->64 & $5" in "".join(root.itertext())
        assert "a < b" in "".join(root.itertext())


def test_a_file_has_its_colours_and_stripes_with_it(drawing: Drawing) -> None:
    text = standalone(drawing)
    assert 'id="hatch"' in text
    assert "prefers-color-scheme:dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert 'id="hatch"' not in inline(drawing)


def test_estimates_are_striped_or_rings(drawing: Drawing) -> None:
    assert inline(drawing).count(' hatched"') == 1
    assert inline(drawing).count('class="s-bytes"') == 1


def test_png_is_the_same_every_time_and_fine(drawing: Drawing) -> None:
    data = png(drawing)
    assert data == png(drawing)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (192, 117)
        colours = {colour for _, colour in picture.convert("RGB").getcolors() or []}
        assert len(colours) > 4
        assert {ImageColor.getrgb(LIGHT[role]) for role in ("binary", "bytes", "paper")} <= colours


def test_long_text_loses_its_middle() -> None:
    assert shortened("short", 100) == "short"
    text = shortened("decoder.0.upsample.branches.1.conv 3x3", 150)
    assert text.startswith("decod")
    assert text.endswith("3x3")
    assert text_width(text) <= 150
