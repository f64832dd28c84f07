import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.estimation.points import target_of
from benchmarks.estimation.results import Compared, quality, write_results


def _compared(operator: str, estimated: float, measured: float) -> Compared:
    return Compared(operator, "lanes", {"tile": [1]}, estimated, 0.0, measured, 1.1, round(1e6 / measured), ())


POINTS = [
    *(_compared("a", *pair) for pair in ((1.0, 1.0), (2.0, 2.0), (2.1, 1.9))),
    *(_compared("b", *pair) for pair in ((10.0, 5.0), (20.0, 10.0))),
]


def test_pairs_are_of_one_operator() -> None:
    found = quality(POINTS)
    assert found.points == 5
    # a: 2.1 / 2 wrong; 2 / 1 and 2.1 / 1 right. b: 20 / 10 right.
    assert found.pairs == [(0, 1), (0, 0), (3, 3)]
    assert found.spearman == pytest.approx(0.9)
    assert found.spearman_of_instructions == pytest.approx(-1)
    assert found.ratio[50] == pytest.approx(2.1 / 1.9)


def test_results_are_files_for_people_and_for_programs(tmp_path: Path) -> None:
    write_results([dataclasses.replace(one, unknown=("hlt",)) for one in POINTS], target_of(3e9), 7, tmp_path)
    document = json.loads((tmp_path / "estimation-x86-64-v2.json").read_text())
    assert document["all"]["points"] == 5
    assert document["operators"]["b"]["spearman"] == pytest.approx(1)
    assert len(document["points"]) == 5
    table = (tmp_path / "estimation-x86-64-v2.md").read_text()
    assert (
        "| b | 2 | 5.000-10.000 | 1.000 | -1.000 | 1.000 | 2.00 2.00 2.00 2.00 2.00 | 1 of 1 | 0 of 0 | 0 of 0 |"
        in table
    )
    assert "| all | 5 |" in table
    assert "- Instructions without an entry in the table: 5." in table
