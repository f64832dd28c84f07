"""Tuning without a connection, as a user does it: export, carry, measure, bring back, import, compile."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import Cli, Outcome
from tests.tiny import MODEL
from tests.tuning.offline import gpu, machine, quick_builders
from tvm_bnn.cli import main, offline
from tvm_bnn.deploy import nvrtc
from tvm_bnn.deploy.link import cxx_compiler
from tvm_bnn.tuning import exporter

OFFLINE = ("tune", MODEL, "--threads", "1", "--runner", "offline")
CRASHING = "*(volatile int*)nullptr = 0; return 0;"
HANGING = "for (;;) {} return 0;"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an export ``d`` of its work dir ``w``: six candidates, three of each task."""
    place = tmp_path_factory.mktemp("exported")
    arguments = (*OFFLINE, "--trials", "6", "--work-dir", str(place / "w"), "--export", str(place / "d"))
    assert main(arguments) == 0
    return place


@pytest.fixture
def place(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "copy"))


def candidates(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "candidates.jsonl").read_text().splitlines()]


def break_library(folder: Path, number: int, body: str) -> None:
    """Put another function in the place of a candidate."""
    source = folder / "broken.cc"
    source.write_text(f'extern "C" int __tvm_ffi_main(void*, const void*, int, void*) {{ {body} }}')
    library = str(folder / f"{number:05d}.so")
    subprocess.run([cxx_compiler() or "c++", "-shared", "-fPIC", "-O0", str(source), "-o", library], check=True)


def break_expectation(folder: Path, number: int) -> None:
    """Have something else expected of a candidate."""
    lines = candidates(folder)
    array = np.load(folder / lines[number]["expected"][0])
    np.save(folder / "arrays" / "other.npy", array + 1)
    lines[number]["expected"] = ["arrays/other.npy", *lines[number]["expected"][1:]]
    (folder / "candidates.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def measure(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "measure.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def made_up(folder: Path, seconds: Callable[[int], float] = lambda number: 1e-3, facts: Any = None) -> None:
    """Results that nothing was measured for."""
    batch = json.loads((folder / "batch.json").read_text())["id"]
    lines: list[dict[str, Any]] = [{"machine": "m", "facts": facts or machine()}]
    numbers = [line["number"] for line in candidates(folder)]
    lines += [{"machine": "m", "number": number, "run_secs": [seconds(number)] * 3} for number in numbers]
    (folder / "results.jsonl").write_text("".join(json.dumps({"batch": batch, **line}) + "\n" for line in lines))


def importing(cli: Cli, place: Path, *more: object) -> Outcome:
    return cli(*OFFLINE, "--work-dir", place / "w", "--import", place / "d", *more)


def test_the_whole_way(cli: Cli, place: Path) -> None:
    folder = place / "d"
    break_library(folder, 1, CRASHING)
    break_library(folder, 2, HANGING)
    break_expectation(folder, 3)
    ran = measure(folder, "--timeout", "5")
    assert ran.returncode == 0, ran.stderr
    assert "3 measured, 3 failed" in ran.stdout
    code, out, err = importing(cli, place, "--format", "json")
    assert (code, "6 results imported" in err) == (0, True)
    document = json.loads(out)
    assert document["evidence"] == "measured"
    failures = sum((Counter(task["failures"]) for task in document["tasks"]), Counter[str]())
    assert failures == {"crash": 1, "timeout": 1, "wrong": 1}
    trials = [json.loads(line) for line in (place / "w" / "journal.jsonl").read_text().splitlines()]
    assert len(trials) == 6
    assert [trial["board"]["number"] for trial in trials if trial.get("failure")] == [1, 2, 3]
    records = place / "w" / "records"
    bundle = place / "bundle"
    assert cli("compile", MODEL, "--threads", "1", "--require-tuned", "--records", records, "-o", bundle).code == 0


def test_imported_records_and_a_further_round(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "builders", quick_builders())
    made_up(place / "d", lambda number: 1e-3 * (1 + (number * 5) % 6))
    first = importing(cli, place)
    assert (first.code, "6 results imported; measured on CPU" in first.err) == (0, True)
    assert "finalists" not in first.err
    journal = (place / "w" / "journal.jsonl").read_bytes()
    again = importing(cli, place)
    assert again.code == 0
    assert "0 results imported, 6 were there already" in again.err
    assert again.out == first.out
    assert (place / "w" / "journal.jsonl").read_bytes() == journal
    arguments = (*OFFLINE, "--work-dir", place / "w", "--export", place / "e", "--format", "json")
    nothing = cli(*arguments, "--trials", "6")
    assert nothing.code == 2
    assert "nothing is left to try" in nothing.err
    code, out, err = cli(*arguments, "--trials", "8")
    assert code == 0
    document = json.loads(out)
    assert (document["candidates"], len(candidates(place / "e"))) == (2, 2)
    assert sum(task["trials"] for task in document["tasks"]) == 6
    assert document["bytes"] > 0
    assert "python measure.py" in err


def test_a_part_of_the_results(cli: Cli, place: Path) -> None:
    made_up(place / "d")
    path = place / "d" / "results.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:4]) + "\n")
    code, _, err = importing(cli, place)
    assert code == 0
    assert "3 results imported" in err
    assert "3 results are missing: run `python measure.py`" in err
    path.unlink()
    code, out, err = importing(cli, place)
    assert (code, out) == (2, "")
    assert "got none" in err
    assert "measure.py" in err


def test_results_that_do_not_count(cli: Cli, place: Path, tmp_path: Path) -> None:
    made_up(place / "d", facts=machine(features=[]))
    code, _, err = importing(cli, place)
    assert code == 2
    assert "do not count: target" in err
    assert len(err.splitlines()) == 3
    other = cli("tune", MODEL, "--threads", "2", "--runner", "offline", "--import", place / "d")
    assert other.code == 2
    assert "is for threads 1, expected 2" in other.err
    stray = cli(*OFFLINE, "--import", place / "d")
    assert stray.code == 2
    assert "expected the work dir that exported" in stray.err
    assert not (tmp_path / "work").exists()


def test_nothing_valid_came_back(cli: Cli, place: Path) -> None:
    made_up(place / "d")
    path = place / "d" / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    failed = [{**line, "failure": "crash", "message": "died"} for line in lines if line.pop("run_secs", None)]
    path.write_text("".join(json.dumps(line) + "\n" for line in [lines[0], *failed]))
    code, _, err = importing(cli, place)
    assert code == 3
    assert "no valid candidate" in err
    assert "crash: died" in err


def test_an_interrupted_export(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "builders", quick_builders())

    def stop() -> Callable[[int, int], None]:
        def told(done: int, total: int) -> None:
            raise KeyboardInterrupt

        return told

    monkeypatch.setattr(offline, "_progress", stop)
    code, out, err = cli(
        *OFFLINE, "--trials", "4", "--work-dir", tmp_path / "w", "--export", tmp_path / "d", "--format", "json"
    )
    assert code == 130
    assert json.loads(out)["candidates"] == len(candidates(tmp_path / "d")) == 1
    assert "interrupted" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--runner", "offline"), "expected --export DIR or --import DIR"),
        (("--runner", "offline", "--export", "d", "--import", "d"), "got both"),
        (("--export", "d"), "--export: expected --runner offline, got --runner auto"),
        (("--runner", "local", "--import", "d"), "--import: expected --runner offline"),
        (("--runner", "offline", "--import", "d", "--fresh"), "got --fresh too"),
        (("--runner", "offline", "--import", "d", "--tasks", "0"), "got --tasks too"),
        (("--runner", "offline", "--import", "d", "--dry-run"), "got --dry-run too"),
        (("--runner", "offline", "--export", "d", "--rpc-tracker", "h:1"), "--rpc-tracker: not used by the offline"),
        (("--runner", "offline", "--import", "none"), "expected a folder that --export made"),
    ],
)
def test_what_contradicts_itself(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = cli("tune", MODEL, *arguments)
    assert (code, out) == (2, "")
    assert told in err


def test_other_commands_measure_at_once(cli: Cli) -> None:
    assert cli("profile", MODEL, "--runner", "offline").code == 2


def test_a_folder_that_holds_something(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").write_text("")
    code, _, err = cli(*OFFLINE, "--trials", "2", "--work-dir", tmp_path / "w", "--export", tmp_path / "d")
    assert code == 2
    assert "not empty" in err
    assert (tmp_path / "d" / "mine").exists()


@pytest.mark.skipif(nvrtc.version() is None, reason="needs NVIDIA's runtime compiler")
def test_for_a_gpu_that_is_not_here(cli: Cli, tmp_path: Path) -> None:
    """Up to the export; the results are made up, and only show that they would be taken in."""
    arguments = ("tune", MODEL, "--target", "h200", "--runner", "offline", "--work-dir", tmp_path / "w")
    assert cli(*arguments, "--trials", "4", "--export", tmp_path / "d").code == 0
    assert {line["device"] for line in candidates(tmp_path / "d")} == {"cuda"}
    ran = measure(tmp_path / "d")
    assert ran.returncode == 2
    assert "expected a GPU of compute capability 9.0, got none" in ran.stderr
    made_up(tmp_path / "d", facts=gpu())
    code, _, err = cli(*arguments, "--import", tmp_path / "d")
    assert code == 0
    assert "measured on NVIDIA H200" in err
    record = json.loads((tmp_path / "w" / "records" / "measured.jsonl").read_text().splitlines()[0])
    assert record["machine"] == "NVIDIA H200"
