import json
from pathlib import Path

import pytest

from benchmarks.deployment.results import Deployment, Overhead, Start, read_line, write_results
from tvm_bnn.deploy.manifest import read_manifest

STAGES = {
    "import_seconds": 0.25,
    "open_seconds": 0.06,
    "picture_seconds": 0.01,
    "first_run_seconds": 0.05,
    "import_bytes": 48e6,
    "resident_bytes": 75e6,
}


@pytest.fixture
def found() -> Deployment:
    return Deployment(
        starts=[Start(first, first + 0.1, STAGES) for first in (0.5, 0.4, 0.6)],
        command_seconds=[0.7, 0.8, 0.9],
        overheads=[Overhead.of("Python", 1, [20.0, 22.0, 21.0], [20.3, 22.1, 21.2])],
        growth={"C": 0, "Python": 4096},
        runs=1000,
        together={(1, 2): 50.0, (2, 1): 60.0},
    )


def test_overhead_is_told_by_pairs() -> None:
    """A network that takes longer from one pair to the next does not hide it."""
    overhead = Overhead.of("C", 2, [10.0, 20.0, 30.0], [10.1, 20.1, 30.1])
    assert overhead.added_ms == pytest.approx(0.1)
    assert overhead.share == pytest.approx(0.005)


def test_results_are_files_for_people_and_for_programs(found: Deployment, tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = read_manifest(tiny_bundle)
    write_results(found, manifest, "a machine", tmp_path)
    stem = f"deployment-{manifest.target}"
    document = json.loads((tmp_path / f"{stem}.json").read_text())
    assert document["sizes"]["code"] == manifest.sizes.code
    assert document["together"][1] == {"callers": 2, "threads": 1, "per_second": 60.0}
    text = (tmp_path / f"{stem}.md").read_text()
    assert "| Python, to the first label map | 0.500 (0.400-0.600) | at most 1.0 |" in text
    assert "| Python | 1 | 21.00 | 0.200 | 0.95% | at most 2% |" in text
    assert "over 1000 more runs it grows in C by 0 kB, Python by 4 kB" in text


def test_what_comes_before_the_line_is_no_result() -> None:
    assert read_line('a warning\n{"per_second": 1.5}\n') == {"per_second": 1.5}
