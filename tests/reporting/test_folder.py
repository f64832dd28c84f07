import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.reporting.profiles import estimated, measured, operator
from tests.tiny import MODEL
from tvm_bnn.models.load import load as load_model
from tvm_bnn.profiling.model import Total
from tvm_bnn.reporting.comparison import Absent
from tvm_bnn.reporting.folder import write_report
from tvm_bnn.reporting.gather import Sources, chapter
from tvm_bnn.reporting.material import Chapter
from tvm_bnn.targets import load
from tvm_bnn.tuning.records import RecordBook

MOST_BYTES = 3_000_000
VOID = {"meta", "link", "br", "wbr", "rect", "circle", "polyline", "img"}


class Checker(HTMLParser):
    """Collects ids, links and pictures, and sees that every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.pictures: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.links += [known["href"] or ""] if tag == "a" and "href" in known else []
        self.ids += [known["id"] or ""] if "id" in known else []
        self.pictures += [known] if tag == "svg" else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def checked(path: Path) -> Checker:
    checker = Checker()
    checker.feed(path.read_text(encoding="utf-8"))
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    target = load("x86-avx512")
    model = load_model(MODEL)
    own = measured(model=MODEL, width="", input_size=model.input_size)
    sources = Sources(RecordBook(target), folder / "journal.jsonl")
    chapters = [
        *(Chapter(measured(), target), Chapter(estimated(), load("rpi4"))),
        chapter(own, target, model, sources),
    ]
    write_report(chapters, folder)
    return folder


def test_pages_are_whole_and_small(report: Path) -> None:
    for page in report.rglob("*.html"):
        checker = checked(page)
        assert page.stat().st_size < MOST_BYTES
        assert len(set(checker.ids)) == len(checker.ids)
        drawn = [picture for picture in checker.pictures if "aria-hidden" not in picture]
        assert drawn
        assert all(picture["role"] == "img" and picture["aria-label"] for picture in drawn)


def test_pages_need_nothing_from_elsewhere(report: Path) -> None:
    for page in report.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert re.findall(r"(?:https?:)?//[\w.]+", text) == []
        assert "prefers-color-scheme:dark" in text
        assert "@media print" in text


def test_links_lead_somewhere(report: Path) -> None:
    pages = {page: checked(page) for page in report.rglob("*.html")}
    for page, checker in pages.items():
        for link in checker.links:
            path, _, anchor = link.partition("#")
            aim = (page.parent / path).resolve() if path else page
            assert aim.exists(), link
            if anchor:
                assert anchor in pages[aim].ids


def test_what_comes_from_a_file_is_text_and_never_markup(report: Path) -> None:
    text = (report / "x86-avx512" / "index.html").read_text(encoding="utf-8")
    assert "A &lt;b&gt;CPU&lt;/b&gt;" in text
    assert "<b>CPU" not in text


def test_evidence_is_never_mixed_without_a_word(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    assert "Measured and estimated times stand side by side, not in one ranking" in text
    assert text.index("x86-avx512, 2 threads, measured") < text.index("rpi4, 1 thread, estimated")
    assert "url(#hatch)" in text
    board = (report / "rpi4" / "index.html").read_text(encoding="utf-8")
    assert "No hardware was timed. Left out: clock and heat." in board


def test_data_beside_the_pages(report: Path) -> None:
    rows = list(csv.DictReader((report / "comparison.csv").open()))
    assert [(row["target"], row["evidence"], row["p5_ms"]) for row in rows[:2]] == [
        *(("x86-avx512", "measured", "9.5"), ("rpi4", "estimated", "")),
    ]
    document = json.loads((report / "report.json").read_text())
    assert document["schema_version"] == 1
    assert [one["memory_bytes"] is None for one in document["chapters"]] == [True, True, False]
    folder = report / "x86-avx512" / "tests.tiny-network-16x24"
    assert {path.name for path in folder.iterdir()} >= {
        *(
            "operators.csv",
            "profile.json",
            "operators.svg",
            "operators.png",
            "roofline.svg",
            "memory.svg",
            "widths.png",
        ),
    }
    assert [row["name"] for row in csv.DictReader((folder / "operators.csv").open())][:2] == ["stem.0", "conv"]


def test_without_times_operators_are_ranked_by_their_work(tmp_path: Path) -> None:
    nothing = Total(median_ms=None, p5_ms=None, p95_ms=None, runs=0)
    profile = estimated(total=nothing, operators=[operator("resize", "interpolate", None)])
    write_report([Chapter(profile, load("rpi4"))], tmp_path)
    text = (tmp_path / "rpi4" / "index.html").read_text(encoding="utf-8")
    assert "ranks them by their work" in text
    assert '<td class="n">1M</td>' in text
    checked(tmp_path / "index.html")


def test_the_same_profiles_give_the_same_bytes(report: Path, tmp_path: Path) -> None:
    chapters = [Chapter(measured(), load("x86-avx512"))]
    for name in ("one", "two"):
        write_report(chapters, tmp_path / name)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in files)


def test_targets_without_figures_are_named(tmp_path: Path) -> None:
    absent = [Absent("h200", "a GPU", "not run on hardware: no such GPU was at hand")]
    write_report([Chapter(measured(), load("x86-avx512"))], tmp_path, absent)
    checker = checked(tmp_path / "index.html")
    assert "not-run" in checker.ids
    assert "#not-run" in checker.links
    assert "not run on hardware: no such GPU was at hand" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "report.json").read_text())["not_run"][0]["name"] == "h200"
    assert not (tmp_path / "h200").exists()


def test_nothing_is_said_of_absent_targets_where_none_are(report: Path) -> None:
    assert "not-run" not in checked(report / "index.html").ids
