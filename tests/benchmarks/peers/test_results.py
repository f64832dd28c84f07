import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers.results import Outcome, Results
from benchmarks.peers.rounds import Round, Timing

CONDITIONS = {"machine": "A", "target": "cpu", "versions": {"torch": "1"}, "absent": {}}


def outcome(case: str = "layer", threads: int = 1, section: str = "layers", median: float = 0.5) -> Outcome:
    timings = {
        "ours": Timing((Round(median, 0.4, 0.6, 9),)),
        "other": Timing((Round(2.0, 1.0, 3.0, 3),)),
        "missing": Timing(absent="no wheel"),
    }
    return Outcome(section, case, threads, 10**6, timings, {"MACs": 10**6})


def test_every_case_is_written_at_once_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    Results(path, CONDITIONS).add(outcome())
    assert Results(path, CONDITIONS).outcomes == [outcome()]


def test_a_later_run_replaces_what_it_measures_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    first = Results(path, CONDITIONS)
    for kept in (outcome("a"), outcome("b"), outcome("a", threads=2)):
        first.add(kept)
    Results(path, CONDITIONS).add(outcome("a", median=0.25))
    assert Results(path, CONDITIONS).outcomes == [outcome("a", median=0.25), outcome("b"), outcome("a", threads=2)]


@pytest.mark.parametrize("changed", [{"machine": "B"}, {"versions": {"torch": "2"}}, {"absent": {"larq": "gone"}}])
def test_other_conditions_start_anew(tmp_path: Path, changed: dict[str, object]) -> None:
    path = tmp_path / "peers.json"
    Results(path, CONDITIONS).add(outcome())
    assert Results(path, CONDITIONS | changed).outcomes == []


def test_sections_stand_in_their_order(tmp_path: Path) -> None:
    results = Results(tmp_path / "peers.json", CONDITIONS)
    for section, threads in (("networks", 1), ("layers", 2), ("avx2", 1), ("layers", 1)):
        results.add(outcome(section=section, threads=threads))
    assert [(o.section, o.threads) for o in results.outcomes] == [
        ("layers", 1),
        ("layers", 2),
        ("avx2", 1),
        ("networks", 1),
    ]


def test_the_file_says_what_follows_from_the_rounds(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    Results(path, CONDITIONS).add(outcome())
    document = json.loads(path.read_text())
    assert (document["evidence"], document["machine"]) == ("measured", "A")
    engines = document["outcomes"][0]["engines"]
    assert engines["other"]["speedup_of_ours"] == [4.0, 4.0, 4.0]
    assert engines["other"]["gops"] == pytest.approx(1.0)
    assert engines["missing"] == {"absent": "no wheel"}


def test_nothing_is_faster_than_what_is_absent() -> None:
    unmeasured = replace(outcome(), timings={"ours": Timing(absent="no"), "other": Timing((Round(2.0, 1.0, 3.0, 3),))})
    assert unmeasured.to_dict()["engines"]["other"]["speedup_of_ours"] is None
