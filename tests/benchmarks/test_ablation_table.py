import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ablation_table
from benchmarks.ablation_table import COLUMNS, write_results

SETTINGS = {
    "steps": 1600,
    "batch": 8,
    "size": (96, 192),
    "width": "XS",
    "training_pictures": 2000,
    "test_pictures": 200,
}


def metrics(**changes: Any) -> dict[str, Any]:
    iou = {"road": 0.9, "lane marking": 0.5, "pole": 0.4, "stop zone": 0.2, "go zone": 0.3}
    sizes = {"small": 0.51, "medium": 0.62, "large": 0.73}
    return {"miou": 0.46, "iou": iou, "cue_iou": 0.25, "cue_accuracy_by_size": sizes} | changes


def table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, results: Mapping[str, list[dict[str, Any]]]
) -> list[list[str]]:
    """The cells of the table that is written for these results."""
    monkeypatch.setattr(ablation_table, "RESULTS", folder)
    write_results(results, SETTINGS)
    lines = (folder / "ablation.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_every_column_shows_its_own_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heading, _, row = table(tmp_path, monkeypatch, {"a": [metrics()]})
    assert heading == ["design", *COLUMNS]
    assert dict(zip(heading, row, strict=True)) == {
        "design": "a",
        "mIoU": "46.0",
        "mIoU without cue classes": "60.0",
        "lane marking": "50.0",
        "pole": "40.0",
        "cue classes": "25.0",
        "cue right, small": "51.0",
        "medium": "62.0",
        "large": "73.0",
    }


def test_mean_and_deviation_over_the_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [0.40, 0.46, 0.43]
    rows = table(tmp_path, monkeypatch, {"a": [metrics(miou=miou) for miou in found], "b": [metrics()] * 3})[2:]
    assert [row[0] for row in rows] == ["a", "b"]
    assert rows[0][1] == f"43.0 ± {100 * statistics.stdev(found):.1f}" == "43.0 ± 3.0"
    assert rows[1][1] == "46.0 ± 0.0"


def test_classes_that_do_not_occur_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"a": [metrics(iou=metrics()["iou"] | {"vehicle": None})]}
    assert table(tmp_path, monkeypatch, results)[2][2] == "60.0"


def test_the_text_says_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path, monkeypatch, {"a": [metrics()] * 3})
    text = (tmp_path / "ablation.md").read_text()
    assert text.startswith("3 seeds, 1600 steps of 8 pictures of 96x192, width XS, 2000 generated scenes to learn from")
    assert "200 others to measure on" in text


def test_the_document_keeps_every_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"a": [metrics(), metrics(miou=0.5)]}
    table(tmp_path, monkeypatch, results)
    document = json.loads((tmp_path / "ablation.json").read_text())
    assert document["schema_version"] == 1
    assert document["results"] == results
    assert document["settings"] == SETTINGS | {"size": [96, 192]}
