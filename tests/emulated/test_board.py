"""The whole way to a board and back, with an emulated one. Its times are no latencies and go no further than here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.emulated.prepare import PYTHON
from tests.remote.loopback import serve, tracker, wait_for
from tvm_bnn.data.picture import load_picture, resize_to
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.errors import ToolchainError
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.remote.network import profile_remote, remote_runner
from tvm_bnn.remote.runner import RpcRunner
from tvm_bnn.remote.tracker import Address
from tvm_bnn.targets import Target, resolve_host
from tvm_bnn.targets import load as load_target
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.plan import default_choice
from tvm_bnn.tuning.records import read_records
from tvm_bnn.tuning.runners import Wanted
from tvm_bnn.tuning.task import extract_tasks
from tvm_bnn.tuning.tuner import Settings, Tuner
from tvm_bnn.tuning.workdir import WorkDir

pytestmark = pytest.mark.emulated

RPI4 = load_target("rpi4")
SIZE = (96, 160)
TRIALS = 8
SECONDS = 120.0
"""Ample for whatever an emulator does, so that only a hang takes longer."""


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """A tracker with an emulated Raspberry Pi 4."""
    assert PYTHON.exists(), "run `make test-emulated`, which prepares the board"
    folder = tmp_path_factory.mktemp("board")
    with tracker(folder) as address, serve(address, "rpi4", folder, python=[PYTHON]):
        wait_for(address, "rpi4")
        yield address


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load("kitti-road", input_size=SIZE)


def compiled_for(model: LoadedModel, target: Target, path: Path) -> Path:
    shape = (1, *SIZE, 3)
    write_bundle(
        path,
        model,
        compile_network(model.network, shape, target, 2, lambda operator: default_choice(operator, target, 2)),
    )
    return path


def wanted(at: Address) -> Wanted:
    return Wanted("rpc", f"{at[0]}:{at[1]}", "rpi4", SECONDS)


def test_two_tasks_are_tuned(at: Address, model: LoadedModel, tmp_path: Path) -> None:
    tasks = extract_tasks(model.network.operators_at((1, *SIZE, 3)), RPI4, 2)
    chosen = [next(task for task in tasks if task.operator.kind == kind) for kind in ("conv2d", "pooled_attention")]
    work = WorkDir(tmp_path)
    reports: list[str] = []
    runner = RpcRunner(f"{at[0]}:{at[1]}", "rpi4", SECONDS, tmp_path / "worker.log", reports.append, emulated=True)
    try:
        list(Tuner(chosen, work, runner, Settings(TRIALS)).run())
    finally:
        runner.close()
    trials = Journal(work.journal).open().trials
    assert len(trials) == TRIALS
    assert {trial.operator for trial in trials} == {task.operator.signature for task in chosen}
    assert [trial.message for trial in trials if trial.failure] == []
    assert all(trial.board is not None and trial.board["emulated"] for trial in trials)
    records, damage = read_records(work.records / "measured.jsonl")
    assert {record.operator for record in records} == {task.operator for task in chosen}
    assert all(record.line.machine.startswith("emulated on ") for record in records)
    assert not damage.lines
    assert not reports


def test_the_network_gives_the_same_labels(at: Address, model: LoadedModel, photograph: Path, tmp_path: Path) -> None:
    picture = resize_to(load_picture(photograph), SIZE)
    expected = Runner.load(compiled_for(model, resolve_host(), tmp_path / "host")).run(picture)
    assert len(np.unique(expected)) > 1
    wait_for(at, "rpi4")
    with remote_runner(compiled_for(model, RPI4, tmp_path / "rpi4"), wanted(at)) as runner:
        np.testing.assert_array_equal(runner.run(picture), expected)


def test_its_times_are_not_taken_for_latencies(at: Address, model: LoadedModel, tmp_path: Path) -> None:
    wait_for(at, "rpi4")
    compiled = compile_network(
        model.network, (1, *SIZE, 3), RPI4, 1, lambda operator: default_choice(operator, RPI4, 1)
    )
    with pytest.raises(ToolchainError, match="expected a board, got an emulated one"):
        profile_remote(model, compiled, wanted(at), warmup=0, repeat=1)
