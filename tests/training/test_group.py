"""Several processes on this machine, each a fresh interpreter that runs a function of this file."""

import csv
import dataclasses
import multiprocessing
import os
import socket
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

from tests.training.coloured import CONFIG, WIDTH, Coloured
from tests.training.test_settings import SETTINGS
from tvm_bnn.models import config
from tvm_bnn.training.evaluation import torch_threads
from tvm_bnn.training.folder import RunFolder
from tvm_bnn.training.group import ALONE, Group, cores_each, joined
from tvm_bnn.training.loop import Trainer
from tvm_bnn.training.start import seeded_network
from tvm_bnn.training.state import read_state

PROCESSES = 2


def in_processes(work: Callable[[Group, Path], None], folder: Path) -> None:
    """Run ``work`` in a group of two."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_process, args=(work, folder, rank, port)) for rank in range(PROCESSES)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * PROCESSES


def _process(work: Callable[[Group, Path], None], folder: Path, rank: int, port: int) -> None:
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test",
        "RANK": str(rank),
        "WORLD_SIZE": str(PROCESSES),
        "LOCAL_WORLD_SIZE": str(PROCESSES),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    with torch_threads(1), joined() as group:
        work(group, folder)


def linear() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3)), torch.randn(8, 5), torch.randn(8, 3)


def exchange(group: Group, folder: Path) -> None:
    network, x, y = linear()
    shared = network[0]  # type: ignore[index]
    functional.mse_loss(shared(x[group.part]), y[group.part], reduction="sum").backward()
    group.sum_gradients(network)
    network[1].running_mean += group.rank  # type: ignore[index]
    group.average_statistics(network)
    assert network[1].running_mean.tolist() == [0.5] * 3  # type: ignore[index]
    assert group.total(group.rank + 0.5) == 2
    assert group.any(group.rank == 1)
    assert not group.any(False)
    group.wait()
    gradients = {name: parameter.grad for name, parameter in shared.named_parameters()}
    safetensors.torch.save_file(gradients, folder / f"gradients-{group.rank}.safetensors")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left that exchanged numbers and trained together."""
    folder = tmp_path_factory.mktemp("group")
    in_processes(everything, folder)
    return folder


def everything(group: Group, folder: Path) -> None:
    config.WIDTHS["S"] = WIDTH
    exchange(group, folder)
    trained(group, folder)


def test_gradients_are_those_of_the_whole_batch(done: Path) -> None:
    network, x, y = linear()
    shared = network[0]  # type: ignore[index]
    functional.mse_loss(shared(x), y, reduction="sum").backward()
    first, second = (safetensors.torch.load_file(done / f"gradients-{rank}.safetensors") for rank in range(PROCESSES))
    for name, parameter in shared.named_parameters():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], parameter.grad)


def trained(group: Group, folder: Path) -> None:
    """Train without a break and with one; both processes have the same network all the time."""
    whole, parts = trainer(folder / "whole", group), trainer(folder / "parts", group)
    list(whole.run())
    asked = count()
    # Only one process is asked to stop, and both do.
    list(parts.run(lambda: group.rank == 1 and next(asked) >= 3))
    assert parts.step == 3
    again = trainer(folder / "parts", group)
    assert again.step == 3
    steps = list(again.run())
    assert [one.step for one in steps] == [4, 5, 6]
    assert (steps[-1].metrics is not None) == group.is_first
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])
    safetensors.torch.save_file(dict(whole.network.state_dict()), folder / f"network-{group.rank}.safetensors")


def trainer(folder: Path, group: Group) -> Trainer:
    settings = dataclasses.replace(SETTINGS, size=(64, 64), processes=group.size)
    folder.mkdir(exist_ok=True)
    group.wait()
    return Trainer(seeded_network(CONFIG, settings.seed), settings, Coloured(8), Coloured(3), RunFolder(folder), group)


def test_training_together(done: Path) -> None:
    first, second = (safetensors.torch.load_file(done / f"network-{rank}.safetensors") for rank in range(PROCESSES))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    states = [read_state(done / name / "state.safetensors") for name in ("whole", "parts")]
    assert (states[0].step, states[0].settings.processes) == (6, PROCESSES)
    assert all(torch.equal(tensor, states[1].tensors[name]) for name, tensor in states[0].tensors.items())
    with (done / "whole" / "log.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == list("123456")


def test_alone_nothing_changes() -> None:
    with joined() as group:
        assert group is ALONE
    network, _, _ = linear()
    before = [tensor.clone() for tensor in network.buffers()]
    group.sum_gradients(network)
    group.average_statistics(network)
    assert all(torch.equal(one, other) for one, other in zip(before, network.buffers(), strict=True))
    assert (group.total(0.1), group.any(True), group.any(False), group.is_first) == (0.1, True, False, True)
    assert list(range(5))[group.part] == list(range(5))


def test_cores_are_shared_among_the_processes_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores_each(6) == 6
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert [cores_each(cores) for cores in (2, 6, 8)] == [1, 1, 2]
