from benchmarks.peers.results import Outcome
from benchmarks.peers.rounds import Round, Timing
from benchmarks.peers.table import markdown

CONDITIONS = {"machine": "A CPU", "target": "cpu", "versions": {"torch": "2.13"}, "absent": {"larq": "no wheel"}}


def timing(*medians: float) -> Timing:
    return Timing(tuple(Round(median, median / 2, median * 2, 5) for median in medians))


def outcome(**changes: object) -> Outcome:
    fields: dict[str, object] = {
        "section": "layers",
        "case": "56x56x64",
        "threads": 1,
        "macs": 10**6,
        "timings": {"ours": timing(0.5, 0.5), "other": timing(1.0, 2.0), "gone": Timing(absent="no | groups")},
        "notes": {},
    }
    return Outcome(**(fields | changes))  # type: ignore[arg-type]


def rows(text: str, first: str) -> list[list[str]]:
    """Cells of the table whose heading begins with a word."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    body = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        body.append([cell.strip() for cell in line.strip("|").split("|")])
    return [body[0], *body[2:]]


def test_speeds_and_ratios() -> None:
    text = markdown([outcome()], CONDITIONS)
    assert rows(text, "GOPS") == [["GOPS", "ours", "other", "gone"], ["56x56x64", "4", "1", "-"]]
    assert rows(text, "ours is faster, times") == [
        ["ours is faster, times", "other", "gone"],
        ["56x56x64", "3.00 (2.00-4.00)", "-"],
    ]


def test_every_engine_has_a_line_also_the_absent() -> None:
    _, ours, other, gone = rows(markdown([outcome()], CONDITIONS), "case")
    assert ours == ["56x56x64", "ours", "0.5 (0.25-1)", "4", "1"]
    assert other == ["56x56x64", "other", "1.5 (0.75-3)", "1", "3.00 (2.00-4.00)"]
    assert gone == ["56x56x64", "gone", "absent: no / groups", "-", "-"]


def test_conditions_and_what_could_not_be_installed_are_stated() -> None:
    text = markdown([outcome()], CONDITIONS)
    assert text.startswith("# Beside other engines on A CPU (cpu), measured\n")
    assert "Versions: torch 2.13." in text
    assert "- Not installed: larq: no wheel" in text


def test_sections_and_threads_have_headings_of_their_own() -> None:
    network = outcome(section="networks", case="ecssd S 320x320", notes={"MACs of ours": 5, "of the twin": 5})
    text = markdown([outcome(), outcome(threads=2), network], CONDITIONS)
    headings = [line for line in text.splitlines() if line.startswith("##")]
    assert headings == [
        "## Single binary layers",
        "### layers, threads: 1",
        "### layers, threads: 2",
        "## The complete network",
        "### networks, threads: 1",
    ]
    assert "- ecssd S 320x320: MACs of ours 5, of the twin 5." in text
