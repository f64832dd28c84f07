"""Results that come back: made up here, also those that claim to be of a GPU; none was measured on one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tuning.offline import BOARD, H200, HOST, ID, exported, gpu, machine, result, write_results
from tvm_bnn.errors import UsageError
from tvm_bnn.targets import Target
from tvm_bnn.tuning.exports import Batch
from tvm_bnn.tuning.imports import Imported, batch_of, import_results
from tvm_bnn.tuning.journal import Journal, Trial
from tvm_bnn.tuning.workdir import WorkDir


@pytest.fixture
def work(tmp_path: Path) -> WorkDir:
    return WorkDir(tmp_path / "w")


@pytest.fixture
def folder(work: WorkDir, tmp_path: Path) -> Path:
    exported(work, tmp_path / "d")
    return tmp_path / "d"


def batch(folder: Path) -> Batch:
    return Batch.model_validate_json((folder / "batch.json").read_bytes())


def take(folder: Path, work: WorkDir, target: Target = H200) -> Imported:
    return import_results(folder, batch(folder), work, target)


def journal(work: WorkDir) -> list[Trial]:
    return Journal(work.journal).open().trials


def test_results_become_trials(work: WorkDir, folder: Path) -> None:
    failed = result(1, failure="wrong", message="output 0: 5 of 9 elements differ")
    write_results(folder, [result(0, 2e-3), failed, result(2)])
    imported = take(folder, work)
    assert (len(imported.trials), imported.known, imported.missing) == (3, 0, 0)
    assert imported.machines == ["NVIDIA H200"]
    first, second, _ = journal(work)
    assert (first.run_secs, first.evidence, first.failure) == ([2e-3] * 3, "measured", None)
    assert first.board == {
        **{"model": "NVIDIA H200", "host": "node7", "driver": "570.1", "compute_capability": "9.0"},
        **{"before": {"clock_mhz": 1980.0}, "export": ID, "number": 0},
    }
    assert (second.failure, second.message) == ("wrong", "output 0: 5 of 9 elements differ")


def test_again_is_harmless_and_the_rest_may_come_later(work: WorkDir, folder: Path) -> None:
    write_results(folder, [result(2)])
    assert take(folder, work).missing == 2
    before = work.journal.read_bytes()
    again = take(folder, work)
    assert (again.trials, again.known, again.missing) == ([], 1, 2)
    assert work.journal.read_bytes() == before
    write_results(folder, [result(2), result(0)])
    later = take(folder, work)
    assert (len(later.trials), later.known, later.missing) == (1, 1, 1)
    assert len(journal(work)) == 2


def test_finalists_stand_by_their_later_times(work: WorkDir, folder: Path) -> None:
    again = {"again": True}
    lines = [result(0, 1e-3), result(1, 1e-3), result(2, 1e-3)]
    lines += [result(0, 3e-3, **again), result(0, 4e-3, **again), result(1, failure="wrong", message="no", **again)]
    lines += [result(2, failure="timeout", message="slow", **again)]
    write_results(folder, lines)
    take(folder, work)
    first, second, third = journal(work)
    assert first.run_secs == [3e-3] * 3 + [4e-3] * 3
    assert second.failure == "wrong"
    assert third.run_secs == [1e-3] * 3


def test_damaged_results_are_named_and_missing(work: WorkDir, folder: Path) -> None:
    write_results(folder, [result(0, -1.0), result(1, failure="sulked"), result(2)])
    path = folder / "results.jsonl"
    path.write_text(path.read_text() + "[]\n" + json.dumps({"batch": ID, **result(0)})[:-9])
    imported = take(folder, work)
    assert (len(imported.trials), imported.missing) == (1, 2)
    told = "\n".join(imported.damaged)
    assert "results.jsonl:5" in told
    assert "results.jsonl:6" in told
    assert "candidate 0" in told
    assert "candidate 1" in told


@pytest.mark.parametrize("present", [True, False])
def test_without_results(work: WorkDir, folder: Path, present: bool) -> None:
    if present:
        write_results(folder, [])
    with pytest.raises(UsageError, match=r"expected results .* got none") as refused:
        take(folder, work)
    assert "python measure.py" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": "a100"}, "for target h200, expected a100"),
        ({"model": "other 32x32"}, "for model net 32x32, expected other 32x32"),
        ({"threads": 7}, "for threads 1, expected 7"),
        ({"versions": {"tvm": "0.1"}}, "expected tvm 0.1"),
    ],
)
def test_results_for_something_else(folder: Path, changes: dict[str, Any], told: str) -> None:
    assert batch_of(folder, batch(folder).model_copy(update={"id": "0" * 16})) == batch(folder)
    with pytest.raises(UsageError, match=told):
        batch_of(folder, batch(folder).model_copy(update=changes))


def test_folders_that_were_not_exported(tmp_path: Path, work: WorkDir, folder: Path) -> None:
    with pytest.raises(UsageError, match="expected a folder that --export made"):
        batch_of(tmp_path, batch(folder))
    write_results(folder, [result(0)])
    with pytest.raises(UsageError, match="was not exported from work dir"):
        take(folder, WorkDir(tmp_path / "another"))


def test_results_of_another_export(tmp_path: Path, work: WorkDir, folder: Path) -> None:
    exported(work, tmp_path / "e", name="f" * 16)
    write_results(tmp_path / "e", [result(0)])
    with pytest.raises(UsageError, match=f"has results of export {ID}, expected {'f' * 16}"):
        take(tmp_path / "e", work)
    write_results(folder, [result(9)])
    with pytest.raises(UsageError, match="candidate 9, which was not exported"):
        take(folder, work)


@pytest.mark.parametrize(
    ("target", "facts", "told"),
    [
        (H200, machine(), "expected a GPU of compute capability 9.0, got none"),
        (H200, gpu(tvm="0.1"), "expected tvm .*, got 0.1"),
        (H200, gpu() | {"gpu": {"name": "A100", "compute_capability": "8.0"}}, r"9\.0, got 8\.0 \(A100\)"),
        (HOST, machine(features=[]), "expected a CPU with .* got one without"),
        (HOST, machine(architecture="aarch64"), "got aarch64"),
        (HOST, machine(emulated=True), "got an emulated one"),
        (HOST, machine(cores=0), "expected 1 cores"),
        (HOST, {"model": "?"}, "not told what the machine is"),
        (BOARD, machine(architecture="aarch64", features=["asimd"], parts=["0xd0b"]), "expected CPU part 0xd08"),
    ],
)
def test_the_wrong_machine(tmp_path: Path, work: WorkDir, target: Target, facts: dict[str, Any], told: str) -> None:
    exported(work, tmp_path / "d", target=target)
    features = sorted({*BOARD.requires, *facts["features"]}) if target is BOARD else facts.get("features")
    write_results(tmp_path / "d", [result(0)], facts | ({"features": features} if target is BOARD else {}))
    with pytest.raises(UsageError, match=told):
        take(tmp_path / "d", work, target)
    assert journal(work) == []


def test_a_machine_that_is_not_told(work: WorkDir, folder: Path) -> None:
    write_results(folder, [result(0), result(1, machine="unknown")])
    with pytest.raises(UsageError, match="not told which machine"):
        take(folder, work)


def test_results_of_several_machines(work: WorkDir, folder: Path) -> None:
    other = {"machine": "n", "facts": gpu() | {"gpu": gpu()["gpu"] | {"name": "NVIDIA H100"}}}
    write_results(folder, [result(0), other, result(1, machine="n")])
    assert take(folder, work).machines == ["NVIDIA H100", "NVIDIA H200"]
    assert [trial.board and trial.board["model"] for trial in journal(work)] == ["NVIDIA H200", "NVIDIA H100"]
