from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.remote.loopback import free_port, serve, wait_for
from tests.tuning.fakes import CONV
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.remote import runner as runner_module
from tvm_bnn.remote import station
from tvm_bnn.remote.runner import RpcRunner
from tvm_bnn.remote.tracker import Address
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.runner import run_one
from tvm_bnn.tuning.worker import Request

HOST = resolve_host()
REQUESTS = [
    Request(
        CONV.signature,
        HOST.name,
        1,
        row.lowering.name,
        row.space.default(Setting(CONV, HOST, 1)).to_dict(),
        repeat=3,
        min_repeat_ms=1,
    )
    for row in rows_for(CONV, HOST)
]
REQUEST = REQUESTS[0]

_END = "import os, signal; os.killpg(0, signal.SIGKILL)"
VANISHES = f"def gone(count):\n    {_END}\nboard.threads = gone"
"""A board that loses its power in the middle of its first trial."""


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards that are gone are given up soon, and one process builds everything."""
    monkeypatch.setattr(station, "_CONNECT_SECONDS", 3.0)
    monkeypatch.setattr(runner_module, "logical_cores", lambda: 1)


def test_points_are_measured_and_a_lost_boards_work_is_done_elsewhere(at: Address, folder: Path) -> None:
    with serve(at, "farm", folder, VANISHES):
        wait_for(at, "farm")
        with serve(at, "farm", folder) as good, ExitStack() as stack:
            wait_for(at, "farm", 2)
            reports: list[str] = []
            runner = RpcRunner(f"{at[0]}:{at[1]}", "farm", 30, folder / "worker.log", reports.append)
            stack.callback(runner.close)
            bad = replace(REQUEST, point={"tile": [0, 0, 0]})
            results = list(runner.run_many([*REQUESTS, bad]))
            assert sorted(request.lowering for request, _ in results) == sorted(
                request.lowering for request in (*REQUESTS, bad)
            )
            for request, result in results:
                if request is bad:
                    assert result["failure"] == "build"
                    continue
                assert len(result["run_secs"]) == 3
                assert all(0 < seconds < 1 for seconds in result["run_secs"])
                assert result["board"]["model"]
                assert set(result["board"]["before"]) == set(result["board"]["after"])
            assert any("the connection was lost" in line for line in reports)
            assert all("\n" not in line for line in reports)

            slow = run_one(runner, replace(REQUEST, limit_secs=1e-12))
            assert len(slow["run_secs"]) == 2
            good.close()
            with pytest.raises(ToolchainError, match="no board is left: ") as caught:
                run_one(runner, REQUEST)
            assert caught.value.hint


def test_errors_before_anything_is_measured(at: Address, folder: Path) -> None:
    log = folder / "worker.log"
    with pytest.raises(UsageError, match="expected a tracker as HOST:PORT"):
        RpcRunner("nowhere", "rpi4", 30, log)
    with pytest.raises(ToolchainError, match="no tracker at"):
        RpcRunner(f"127.0.0.1:{free_port()}", "rpi4", 30, log)
    with pytest.raises(ToolchainError, match="expected a board with the key 'nobody'"):
        RpcRunner(f"{at[0]}:{at[1]}", "nobody", 30, log)
