"""A report as a folder: pages, pictures as SVG and PNG, tables as CSV, everything as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tvm_bnn.files import write_atomic
from tvm_bnn.profiling.model import OperatorProfile
from tvm_bnn.reporting.comparison import Absent, compared
from tvm_bnn.reporting.gains import gains
from tvm_bnn.reporting.material import Chapter, slugs
from tvm_bnn.reporting.pages import comparison_page, target_page
from tvm_bnn.reporting.pictures import Picture
from tvm_bnn.reporting.png import png
from tvm_bnn.reporting.svg import standalone
from tvm_bnn.reporting.tables import to_compact_json, to_csv
from tvm_bnn.reporting.views import View
from tvm_bnn.reporting.widths import shares

SCHEMA_VERSION = 1
_COMPARED = ("network", "target", "evidence", "median_ms", "p5_ms", "p95_ms", "runs", "threads", "device")


def write_report(chapters: Sequence[Chapter], folder: Path, absent: Sequence[Absent] = ()) -> list[Path]:
    """Write the whole report; files of the same names are replaced, others stay.

    Args:
        chapters: at least one.
        folder: made where it is missing.
        absent: targets that have no chapter and shall be named.

    Returns:
        the pages, the comparison first.

    Raises:
        UsageError: a place cannot be written.
    """
    names = slugs(chapter.profile for chapter in chapters)
    views = [View(chapter, name) for chapter, name in zip(chapters, names, strict=True)]
    networks = compared(views)
    pages = {folder / "index.html": comparison_page(views, networks, absent)}
    for target in dict.fromkeys(view.profile.target for view in views):
        pages[folder / target / "index.html"] = target_page([v for v in views if v.profile.target == target])
    for view in views:
        _write_view(view, folder / view.slug)
    for network in networks:
        _write_picture(network.picture, folder / network.folder)
    write_atomic(folder / "comparison.csv", to_csv([_compared_row(view) for view in views], _COMPARED) + "\n")
    write_atomic(folder / "report.json", to_compact_json(_document(views, absent)) + "\n")
    for path, page in pages.items():
        write_atomic(path, page)
    return list(pages)


def _write_view(view: View, folder: Path) -> None:
    for picture in view.pictures:
        _write_picture(picture, folder)
    rows = [operator.model_dump() for operator in view.profile.operators]
    write_atomic(folder / "operators.csv", to_csv(rows, list(OperatorProfile.model_fields)) + "\n")
    write_atomic(folder / "profile.json", to_compact_json(view.profile.model_dump(mode="json")) + "\n")


def _write_picture(picture: Picture, folder: Path) -> None:
    drawing = picture.alone()
    write_atomic(folder / f"{picture.name}.svg", standalone(drawing))
    if not picture.folded:
        write_atomic(folder / f"{picture.name}.png", png(drawing))


def _compared_row(view: View) -> dict[str, Any]:
    profile = view.profile
    return {
        "network": view.chapter.network,
        "target": profile.target,
        "evidence": profile.evidence,
        "threads": profile.threads,
        "device": profile.device.name,
        **profile.total.model_dump(),
    }


def _document(views: Sequence[View], absent: Sequence[Absent]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "chapters": [_chapter(view) for view in views],
        "not_run": [vars(one) for one in absent],
    }


def _chapter(view: View) -> dict[str, Any]:
    chapter = view.chapter
    verification = chapter.verification
    return {
        "name": view.slug,
        "verdict": view.sentences,
        "profile": chapter.profile.model_dump(mode="json"),
        "verification": verification.model_dump(mode="json") if verification else None,
        **dict(_known(chapter)),
        "curves": [{"operator": curve.label, "best": curve.best} for curve in chapter.curves],
        "kernels": [{"operators": one.operators, "instructions": dict(one.mix)} for one in chapter.kernels],
    }


def _known(chapter: Chapter) -> Iterator[tuple[str, Any]]:
    facts = chapter.facts
    yield "memory_bytes", facts.alive if facts else None
    yield "parameter_bytes", facts.parameter_bytes if facts else None
    widths = shares(facts) if facts else []
    yield "widths", [vars(share) for share in widths]
    yield "attention", [vars(one) for one in facts.attentions] if facts else []
    yield "tuning", [vars(gain) for gain in gains(facts)]
    points = {name: plan.choice.point.to_dict() for name, plan in facts.plans.items()} if facts else {}
    yield "points", points
