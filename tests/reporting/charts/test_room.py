from tvm_bnn.reporting.charts.room import Area, Room
from tvm_bnn.reporting.drawing import text_width

SIZE = 10.0
NAME = "name"
WIDTH = text_width(NAME, SIZE)


def anchors(room: Room, x: float = 100, y: float = 100) -> list[str]:
    return [text.anchor for text in room.named(NAME, x, y, 8, SIZE, "ink")]


def test_a_name_stands_at_the_right_where_it_can() -> None:
    room = Room(Area(0, 0, 200, 200))
    assert anchors(room) == ["start"]
    assert len(room.taken) == 1


def test_a_name_gives_way_and_is_left_out_at_last() -> None:
    room = Room(Area(0, 0, 200, 200))
    found = [room.named(NAME, 100, 100, 8, SIZE, "ink") for _ in range(5)]
    assert [[text.anchor for text in texts] for texts in found] == [["start"], ["end"], ["middle"], ["middle"], []]
    above, below = found[2][0], found[3][0]
    assert above.y < 100 < below.y


def test_below_a_rising_line_a_name_stands_at_the_lower_right() -> None:
    line = [Area(100 + n - 1, 100 - n / 2 - 1, 100 + n, 100 - n / 2) for n in range(-90, 90)]
    room = Room(Area(0, 0, 200, 200), line)
    (text,) = room.named("a longer name", 100, 100, 8, SIZE, "ink")
    assert text.anchor == "start"
    assert text.y > 108


def test_names_never_cover_each_other() -> None:
    room = Room(Area(0, 0, 200, 200))
    for _ in range(9):
        room.named(NAME, 100, 100, 8, SIZE, "ink")
    assert not any(one.overlaps(other) for one in room.taken for other in room.taken if one is not other)


def test_a_name_stays_inside() -> None:
    assert anchors(Room(Area(0, 0, 100 + WIDTH, 200))) == ["end"]
    assert anchors(Room(Area(90, 90, 110, 110))) == []
