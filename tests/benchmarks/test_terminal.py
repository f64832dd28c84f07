from xml.etree import ElementTree

from benchmarks.terminal import MOST_LINES, middle_left_out, terminal_svg

SVG = "{http://www.w3.org/2000/svg}"


def test_the_middle_of_a_long_text_is_left_out_and_said_to_be() -> None:
    lines = [str(number) for number in range(10)]
    assert middle_left_out(lines, 10) == lines
    assert middle_left_out(lines, 5) == ["0", "1", "... 6 lines ...", "8", "9"]


def test_a_picture_shows_the_text_and_needs_nothing_from_elsewhere() -> None:
    text = terminal_svg("tvm-bnn tune", "[3/9] conv2d\nbest & done")
    root = ElementTree.fromstring(text)
    written = " ".join("".join(one.itertext()) for one in root.iter(f"{SVG}text")).split()
    assert written == ["tvm-bnn", "$", "tvm-bnn", "tune", "[3/9]", "conv2d", "best", "&", "done"]
    assert "url(http" not in text
    assert "@font-face" not in text


def test_a_picture_has_so_many_lines_at_most() -> None:
    root = ElementTree.fromstring(terminal_svg("command", "\n".join(f"line{number}" for number in range(99))))
    heights = {one.get("y") for one in root.iter(f"{SVG}text") if "line" in "".join(one.itertext())}
    assert len(heights) == MOST_LINES
