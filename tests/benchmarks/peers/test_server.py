import io
import json
from typing import Any

from benchmarks.peers.server import Prepared, serve


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def times(self, runs: int) -> list[float]:
        self.calls += runs
        return [0.25] * runs


def answers(requests: list[dict[str, Any]], prepared: Prepared | None = None) -> list[dict[str, Any]]:
    """What a server says whose engine can do any case but the impossible one."""

    def prepare(case: dict[str, Any]) -> Prepared:
        if case["name"] == "impossible":
            raise ValueError("no such\n  layer")
        return prepared or Counting()

    output = io.StringIO()
    serve(prepare, io.StringIO("".join(json.dumps(request) + "\n" for request in requests)), output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_prepares_and_runs() -> None:
    first, second = answers([{"prepare": {"name": "layer"}}, {"run": 3}])
    assert first["seconds"] >= 0
    assert second == {"times": [0.25, 0.25, 0.25]}


def test_every_turn_begins_warm() -> None:
    engine = Counting()
    answers([{"prepare": {"name": "layer"}}], engine)
    before = engine.calls
    answers([{"prepare": {"name": "layer"}}, {"run": 2}], engine)
    assert before > 1
    assert engine.calls == 2 * before + 1 + 2


def test_an_error_is_one_line_and_not_the_end() -> None:
    refused, prepared, run = answers([{"prepare": {"name": "impossible"}}, {"prepare": {"name": "layer"}}, {"run": 1}])
    assert refused == {"error": "ValueError: no such layer"}
    assert "seconds" in prepared
    assert run == {"times": [0.25]}


def test_what_failed_does_not_run_as_what_was_there_before() -> None:
    *_, run = answers([{"prepare": {"name": "layer"}}, {"prepare": {"name": "impossible"}}, {"run": 1}])
    assert run == {"error": "RuntimeError: nothing was prepared"}
