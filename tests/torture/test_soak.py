"""Ten thousand pictures through one loaded bundle, from two threads at once."""

from __future__ import annotations

import itertools
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.torture.counts import count
from tests.torture.results import record
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.models.load import load
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice

MODEL, SIZE = "kitti-road", (192, 640)
CALLERS, PICTURES = 2, 7
CHECKS = 10
"""Memory is looked at so often."""

INFERENCES = CHECKS * count(1000, 20)

GROWTH = 2 << 20
"""Bytes between the first look and the last that are not called growth: the allocator's, not the network's."""

pytestmark = pytest.mark.torture


@dataclass(frozen=True)
class Called:
    """One inference: which picture, seconds, and whether the labels were those of the picture."""

    picture: int
    seconds: float
    right: bool


def test_soak(tmp_path: Path) -> None:
    runner, pictures, expected = _loaded(tmp_path / "bundle")

    def call(picture: int) -> Called:
        started = time.perf_counter()
        labels = runner.run(pictures[picture])
        return Called(picture, time.perf_counter() - started, np.array_equal(labels, expected[picture]))

    calls: list[Called] = []
    memory: list[int] = []
    with ThreadPoolExecutor(CALLERS) as callers:
        for _ in range(CHECKS):
            order = itertools.islice(itertools.cycle(range(PICTURES)), INFERENCES // CHECKS)
            calls += callers.map(call, order)
            memory.append(_resident())
    assert len(calls) == INFERENCES
    assert all(one.right for one in calls)
    assert memory[-1] - memory[0] < GROWTH, memory
    p50, p99 = np.percentile([one.seconds for one in calls], [50, 99]) * 1000
    record(
        "soak",
        inferences=len(calls),
        callers=CALLERS,
        wrong=0,
        growth_kib=(memory[-1] - memory[0]) // 1024,
        p50_ms=round(float(p50), 2),
        p99_ms=round(float(p99), 2),
    )


def _loaded(folder: Path) -> tuple[Runner, Any, Any]:
    """A bundle for one thread a call, pictures, and the integer reference's labels of each."""
    target, model = resolve_host(), load(MODEL, input_size=SIZE)
    compiled = compile_network(model.network, (1, *SIZE, 3), target, 1, lambda op: default_choice(op, target, 1))
    write_bundle(folder, model, compiled)
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, *SIZE, 3), np.uint8)
    return Runner.load(folder), pictures, model.network(torch.from_numpy(pictures)).numpy()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
