import numpy as np
import pytest
from PIL import Image

from tvm_bnn.data.legend import LONGEST_NAME, PAPER, LegendEntry, draw_legend

ENTRIES = [LegendEntry(f"class number {index}", (10 * index, 40, 200), 0.05) for index in range(20)]
NOTE = "untrained weights: the labels mean nothing"


def border_is_blank(strip: Image.Image) -> bool:
    pixels = np.asarray(strip)
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    return all(bool((edge == PAPER).all()) for edge in edges)


@pytest.mark.parametrize("size", [(1, 1), (20, 30), (200, 150), (512, 600), (1242, 375), (3000, 3600), (8000, 200)])
@pytest.mark.parametrize("note", [None, NOTE])
def test_nothing_is_clipped(size: tuple[int, int], note: str | None) -> None:
    strip = draw_legend(ENTRIES, note, size)
    assert strip.width >= size[0]
    assert border_is_blank(strip)


def test_every_colour_is_shown_once_or_more() -> None:
    shown = set(map(tuple, np.asarray(draw_legend(ENTRIES, None, (512, 600))).reshape(-1, 3).tolist()))
    assert {entry.color for entry in ENTRIES} <= shown


def test_grows_with_the_picture() -> None:
    small, large = (draw_legend(ENTRIES[:2], None, size).height for size in [(600, 600), (2400, 2400)])
    assert 3 < large / small < 5


def test_wide_picture_gets_more_columns() -> None:
    assert draw_legend(ENTRIES, None, (1200, 200)).height < draw_legend(ENTRIES, None, (200, 200)).height


def test_note_takes_room_below() -> None:
    assert draw_legend(ENTRIES, NOTE, (512, 600)).height > draw_legend(ENTRIES, None, (512, 600)).height


def test_long_note_is_broken_into_lines() -> None:
    strip = draw_legend(ENTRIES[:1], " ".join([NOTE] * 6), (300, 300))
    assert strip.width == 300
    assert border_is_blank(strip)


def test_long_names_are_shortened() -> None:
    long, longer = (
        draw_legend([LegendEntry("n" * n, (1, 2, 3), 1)], None, (900, 900)) for n in [LONGEST_NAME + 1, 999]
    )
    assert long.tobytes() == longer.tobytes()


def test_tiny_shares_are_not_called_zero() -> None:
    tiny, zero = (draw_legend([LegendEntry("a", (1, 2, 3), share)], None, (200, 200)) for share in [1e-6, 0])
    assert tiny.tobytes() != zero.tobytes()


def test_no_entries() -> None:
    assert border_is_blank(draw_legend([], None, (200, 200)))
