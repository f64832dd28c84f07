from collections.abc import Callable

import numpy as np
import pytest

from tvm_bnn.data.scenes.canvas import HAZE, Canvas, Spans, ellipse, polygon
from tvm_bnn.data.scenes.plan import Box
from tvm_bnn.data.scenes.vocabulary import Label

COLOR = (10, 20, 30)
CAR = Label.CAR


def blank(height: int = 12, width: int = 16) -> Canvas:
    return Canvas(height, width, np.full((3, height // 2, width), 200, np.int16), air=(100, 100, 100))


def drawn(canvas: Canvas) -> np.ndarray:
    return canvas.labels == CAR


def test_picture_and_labels_agree() -> None:
    canvas = blank()
    canvas.rectangle(Box(2, 3, 5, 7), COLOR, CAR)
    canvas.disc(Box(6, 1, 12, 9), (1, 2, 3), Label.ROAD)
    colors = canvas.colors
    assert colors.shape == (3, 12, 16)
    assert {tuple(color) for color in colors[:, drawn(canvas)].T} == {COLOR}
    assert {tuple(color) for color in colors[:, canvas.labels == Label.ROAD].T} == {(1, 2, 3)}
    assert (colors[:, :6][:, canvas.labels[:6] == Label.SKY] == 200).all()
    assert drawn(canvas).sum() == 12


@pytest.mark.parametrize("box", [Box(-5, -5, 3, 3), Box(10, 6, 18, 14), Box(-9, -9, -2, -2), Box(3, 3, 3, 9)])
def test_what_lies_outside_is_cut_off(box: Box) -> None:
    inside = np.zeros((12, 16), bool)
    inside[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = True
    corners = ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))
    full: list[Callable[[Canvas], None]] = [
        lambda canvas: canvas.rectangle(box, COLOR, CAR),
        lambda canvas: canvas.fill(polygon(corners), COLOR, CAR),
    ]
    round_ones: list[Callable[[Canvas], None]] = [
        lambda canvas: canvas.disc(box, COLOR, CAR),
        lambda canvas: canvas.ring(box, 1, COLOR, CAR),
    ]
    for draw in full:
        canvas = blank()
        draw(canvas)
        assert np.array_equal(drawn(canvas), inside)
    for draw in round_ones:
        canvas = blank()
        draw(canvas)
        assert not (drawn(canvas) & ~inside).any()
        assert drawn(canvas).any() == inside.any()


@pytest.mark.parametrize("box", [Box(1, 1, 8, 8), Box(0, 2, 10, 5), Box(3, 0, 5, 12), Box(2, 2, 3, 3)])
def test_an_ellipse_is_the_pixels_whose_centres_lie_in_it(box: Box) -> None:
    canvas = blank()
    canvas.fill(ellipse(box), COLOR, CAR)
    rows, columns = np.indices((12, 16))
    x, y = 2 * columns + 1 - box.left - box.right, 2 * rows + 1 - box.top - box.bottom
    expected = x * x * box.height**2 + y * y * box.width**2 <= box.width**2 * box.height**2
    assert np.array_equal(drawn(canvas), expected)


def test_one_sees_through_a_ring() -> None:
    canvas = blank()
    canvas.ring(Box(1, 1, 11, 11), 2, COLOR, CAR)
    disc, hole = blank(), blank()
    disc.disc(Box(1, 1, 11, 11), COLOR, CAR)
    hole.disc(Box(3, 3, 9, 9), COLOR, CAR)
    assert np.array_equal(drawn(canvas), drawn(disc) & ~drawn(hole))


def test_a_triangle() -> None:
    canvas = blank()
    canvas.fill(polygon(((0, 0), (8, 8), (0, 8))), COLOR, CAR)
    assert drawn(canvas).sum(1).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0]


@pytest.mark.parametrize(("start", "end"), [((2, 2), (9, 5)), ((9, 5), (2, 2)), ((3, 1), (4, 10)), ((5, 5), (5, 5))])
def test_a_line_has_no_gaps(start: tuple[int, int], end: tuple[int, int]) -> None:
    canvas = blank()
    canvas.line(start, end, 1, COLOR, CAR)
    rows, columns = np.nonzero(drawn(canvas))
    assert drawn(canvas)[start[1], start[0]]
    assert drawn(canvas)[end[1], end[0]]
    assert len(rows) == max(abs(end[0] - start[0]), abs(end[1] - start[1])) + 1
    assert set(np.diff(np.unique(rows))) | set(np.diff(np.unique(columns))) <= {1}


def test_what_is_far_away_fades_to_air() -> None:
    canvas = blank()
    canvas.haze = HAZE // 2
    canvas.rectangle(Box(0, 0, 16, 12), COLOR, CAR)
    assert canvas.colors[:, 5, 5].tolist() == [55, 60, 65]


def test_shadows_lie_on_the_ground_behind_what_stands_before_it() -> None:
    canvas = blank()
    canvas.rectangle(Box(0, 6, 16, 12), COLOR, Label.ROAD)
    canvas.end_ground()
    canvas.cast(Spans(7, [0, 0], [20, 8]))
    canvas.rectangle(Box(2, 7, 4, 8), COLOR, CAR)
    assert canvas.shade.sum() == 16 + 8 - 2
    assert not (canvas.shade & drawn(canvas)).any()


def test_what_was_drawn_since() -> None:
    canvas = blank()
    canvas.rectangle(Box(0, 0, 8, 8), COLOR, CAR)
    before = canvas.inks
    canvas.rectangle(Box(4, 4, 12, 12), COLOR, CAR)
    assert canvas.drawn_since(before).sum() == 64
