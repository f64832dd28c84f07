"""The order in which candidates are measured, with a bench that makes times up."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from tests.tuning.offline import ID, gpu, result
from tvm_bnn.tuning.measuring import work as module
from tvm_bnn.tuning.measuring.bench import Bench
from tvm_bnn.tuning.measuring.entries import Entries, opened
from tvm_bnn.tuning.measuring.work import Round, finalists, main, measure_all, measure_finalists


class FakeBench:
    kind, device = "cpu", 0

    def __init__(self, seconds: Mapping[int, float]) -> None:
        self.seconds = seconds
        self.asked: list[tuple[int, int, float | None]] = []

    def result(self, candidate: Mapping[str, Any], repeat: int, limit: float | None) -> dict[str, Any]:
        self.asked.append((candidate["number"], repeat, limit))
        seconds = self.seconds[candidate["number"]]
        return {"run_secs": [seconds] * repeat} if seconds else {"failure": "wrong", "message": "differs"}


def candidate(number: int, task: int = 0, lowering: str = "one", default: bool = False) -> dict[str, Any]:
    label = f"conv {task} {lowering}"
    return {
        **{"number": number, "task": task, "lowering": lowering, "default": default, "label": label},
        **{"repeat": 3, "min_repeat_ms": 1},
    }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Mapping[int, float]], tuple[Round, FakeBench]]]:
    with opened(tmp_path / "results.jsonl") as file:

        def started(seconds: Mapping[int, float]) -> tuple[Round, FakeBench]:
            bench = FakeBench(seconds)
            return Round(cast(Bench, bench), Entries(file, ID), {"model": "CPU"}), bench

        yield started


Start = Callable[[Mapping[int, float]], tuple[Round, FakeBench]]


def test_everything_is_measured_once(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    candidates = [candidate(0), candidate(1), candidate(2, task=1)]
    work, bench = start({0: 2e-3, 1: 0, 2: 1e-3})
    work.entries.add(result(1, failure="wrong", message="differs"))
    measure_all(work, candidates)
    measure_all(work, candidates)
    assert [asked[:2] for asked in bench.asked] == [(0, 3), (2, 3)]
    out = capsys.readouterr().out
    assert "1 of 3 have results already" in out
    assert "[3/3] conv 1 one: 1.0000 ms" in out
    line = work.entries.first[0]
    assert line["machine"] == work.key
    assert {"before", "after"} <= set(line)


def test_slow_ones_are_given_up_by_the_best_of_their_task(start: Start) -> None:
    work, bench = start({0: 2e-3, 1: 4e-3, 2: 9e-3})
    measure_all(work, [candidate(0), candidate(1), candidate(2, task=1)])
    assert [limit for _, _, limit in bench.asked] == [None, pytest.approx(3e-3), None]


def test_finalists(start: Start) -> None:
    """The two fastest, whatever comes near by another lowering, and the default."""
    work, _ = start({0: 9e-3, 1: 1e-3, 2: 1.02e-3, 3: 1.05e-3, 4: 1.06e-3, 5: 1.2e-3, 6: 0})
    candidates = [
        *(candidate(0, default=True), candidate(1), candidate(2), candidate(3), candidate(4, lowering="two")),
        *(candidate(5, lowering="three"), candidate(6)),
    ]
    measure_all(work, candidates)
    assert [chosen["number"] for chosen in finalists(candidates, work.entries)] == [1, 2, 4, 0]


def test_finalists_are_measured_in_turn(start: Start) -> None:
    candidates = [candidate(0), candidate(1), candidate(2, task=1)]
    work, bench = start({0: 2e-3, 1: 1e-3, 2: 1e-3})
    measure_all(work, candidates)
    bench.asked.clear()
    work.entries.add(result(1, again=True))
    measure_finalists(work, candidates)
    # One of its four turns was taken before an interruption; one without a rival needs none.
    assert [number for number, _, _ in bench.asked] == [0, 1, 0, 1, 0, 1, 0]
    assert {(repeat, limit) for _, repeat, limit in bench.asked} == {(5, None)}
    bench.asked.clear()
    measure_finalists(work, candidates)
    assert bench.asked == []


def test_a_finalist_that_is_wrong_once_is_through(start: Start) -> None:
    work, bench = start({0: 2e-3, 1: 1e-3})
    measure_all(work, [candidate(0), candidate(1)])
    bench.seconds = {0: 0, 1: 1e-3}
    bench.asked.clear()
    measure_finalists(work, [candidate(0), candidate(1)])
    assert [number for number, _, _ in bench.asked].count(0) == 1


def write(folder: Path, **needs: Any) -> None:
    told = {"device": "cpu", "target": "t", "architecture": "x86_64", "versions": {}, "features": [], "parts": []}
    batch = {"id": ID, "model": "net 8x8", "target": "t", "timeout": 5, "needs": {**told, "threads": 1, **needs}}
    (folder / "batch.json").write_text(json.dumps(batch))
    (folder / "candidates.jsonl").write_text(json.dumps(candidate(0)) + "\n")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> type[Bench]:
    """Starts no process."""

    class Quick(Bench):
        ended = 0

        def start(self) -> dict[str, Any]:
            return {"tvm": "1", "tvm_ffi": "1", "gpu": gpu()["gpu"] if self.kind == "cuda" else None}

        def result(self, *_: object) -> dict[str, Any]:
            if self.timeout == 1.5:
                raise KeyboardInterrupt
            return {"run_secs": [float(self.timeout)]}

        def end(self) -> None:
            Quick.ended += 1

    monkeypatch.setattr(module, "Bench", Quick)
    monkeypatch.setattr(module, "machine", lambda: gpu() | {"architecture": "x86_64"})
    return Quick


@pytest.mark.usefixtures("bench")
def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    assert main(tmp_path, ["--timeout", "7"]) == 0
    machine, only = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert machine["facts"]["model"] == "CPU"
    assert (only["run_secs"], only["machine"]) == ([7.0], machine["machine"])
    out = capsys.readouterr().out
    assert "net 8x8 for t on CPU, 1 candidates" in out
    assert "--runner offline --import" in out


def test_interrupted(tmp_path: Path, capsys: pytest.CaptureFixture[str], bench: Any) -> None:
    write(tmp_path)
    assert main(tmp_path, ["--timeout", "1.5"]) == 130
    assert "run it again" in capsys.readouterr().err
    assert bench.ended == 1


@pytest.mark.usefixtures("bench")
def test_the_wrong_machine_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, device="cuda", compute_capability="8.0")
    assert main(tmp_path, []) == 2
    err = capsys.readouterr().err
    assert err.startswith("measure.py: error: target t: expected compute capability 8.0, got 9.0 (NVIDIA H200)\nhint: ")
    assert (tmp_path / "results.jsonl").read_text() == ""


@pytest.mark.parametrize("arguments", [["--device", "-1"], ["--timeout", "0"], ["--timeout", "nan"]])
def test_options_that_make_no_sense(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(tmp_path, arguments)
    assert left.value.code == 2


def test_a_folder_that_is_not_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, []) == 2
    assert "expected batch.json and candidates.jsonl" in capsys.readouterr().err
