"""``python -m benchmarks.training``: what a training step of a binary network costs, and of its twin in floating point.

Steps of the two are taken in turn, for whatever else goes on meets both. A step is all of it: forward, backward,
clipping, the optimiser; pictures are noise that costs nothing to make. To be run on an idle machine; writes Markdown
and JSON into ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tvm_bnn.data.classes import ClassInfo
from tvm_bnn.data.contract import Measure, Sample, Size
from tvm_bnn.data.variation import Variation
from tvm_bnn.files import write_atomic
from tvm_bnn.models.presets import preset
from tvm_bnn.targets import cpu_model, logical_cores, resolve_host
from tvm_bnn.training.evaluation import torch_threads
from tvm_bnn.training.folder import open_folder
from tvm_bnn.training.loop import Trainer
from tvm_bnn.training.settings import TrainingSettings
from tvm_bnn.training.start import seeded_network

RESULTS = Path(__file__).parent / "results"
MODEL, WIDTH, SIZE, BATCH = "cityscapes", "S", (96, 192), 8
PRECISIONS = ("float32", "bfloat16")
WARMUP, STEPS = 3, 15


@dataclasses.dataclass(frozen=True)
class Measured:
    """Seconds of every step after the warm-up, in the order of time; those of the two networks were taken in turn."""

    threads: int
    precision: str
    binary: list[float]
    twin: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times as long as the twin's, step by step."""
        return [one / other for one, other in zip(self.binary, self.twin, strict=True)]


class Noise:
    """Pictures and labels at random."""

    name = "noise"
    measure: Measure = "iou"
    variation = Variation(brightness=0, contrast=0, saturation=0, scale=(1, 1))
    thin_classes: tuple[str, ...] = ()
    cue_classes: tuple[str, ...] = ()
    cue_size_names: tuple[str, ...] = ()

    def __init__(self, classes: tuple[ClassInfo, ...], size: Size, count: int) -> None:
        generator = np.random.default_rng(0)
        self.classes, self.size = classes, size
        self._pictures = generator.integers(0, 256, (count, *size, 3), np.uint8)
        self._labels = generator.integers(0, len(classes), (count, *size), np.uint8)

    def __len__(self) -> int:
        return len(self._labels)

    def sample(self, index: int) -> Sample:
        return Sample(self._pictures[index], self._labels[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        chosen = list(indices)
        return torch.from_numpy(self._pictures[chosen]).permute(0, 3, 1, 2), torch.from_numpy(self._labels[chosen])

    def cue_sizes(self, indices: Sequence[int]) -> np.ndarray:
        return np.full(len(indices), -1, np.int8)


def main() -> None:
    """Measure every number of threads in every precision, each in a process of its own."""
    arguments = _parse()
    if arguments.one is not None:
        threads, precision = arguments.one
        print(json.dumps(dataclasses.asdict(measure(int(threads), precision, arguments.steps))))
        return
    threads = [1, 2] if logical_cores() > 1 else [1]
    found = [_in_a_process(count, precision, arguments.steps) for precision, count in product(PRECISIONS, threads)]
    write_results(found)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help="of each network")
    parser.add_argument("--one", nargs=2, metavar=("THREADS", "PRECISION"), help="measure this only, to stdout")
    return parser.parse_args()


def _in_a_process(threads: int, precision: str, steps: int) -> Measured:
    """As ``tvm-bnn train`` does it: threads that wait sleep, which has to be said before torch is imported."""
    command = [sys.executable, "-m", "benchmarks.training", "--steps", str(steps), "--one", str(threads), precision]
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    measured = Measured(**json.loads(done.stdout))
    sys.stderr.write(f"{precision}, threads {threads}: {statistics.median(measured.ratios):.2f} times the twin\n")
    return measured


def measure(threads: int, precision: str, steps: int) -> Measured:
    """Steps of both networks in turn."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with ExitStack() as stack:
        stack.enter_context(torch_threads(threads))
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        runs = {real: _trainer(stack, work / str(real), threads, precision, real).run() for real in seconds}
        for step in range(WARMUP + steps):
            for real, run in runs.items():
                done = next(run)
                if step >= WARMUP:
                    seconds[real].append(done.seconds)
    return Measured(threads, precision, seconds[False], seconds[True])


def _trainer(stack: ExitStack, path: Path, threads: int, precision: str, real: bool) -> Trainer:
    config = preset(MODEL, WIDTH)
    config = dataclasses.replace(config, input_size=SIZE, design=dataclasses.replace(config.design, real=real))
    data = Noise(config.classes, SIZE, BATCH)
    settings = TrainingSettings(
        start="twin" if real else "binary",
        data=data.name,
        size=SIZE,
        pictures=BATCH,
        # More than are done, so that nothing is measured or saved in between.
        steps=10**6,
        batch=BATCH,
        learning_rate=1e-3,
        seed=0,
        threads=threads,
        precision=precision,  # type: ignore[arg-type]
        validate_every=10**6,
        save_every=10**6,
    )
    folder = stack.enter_context(open_folder(path, fresh=False))
    return Trainer(seeded_network(config, 0), settings, data, data, folder)


def write_results(found: Sequence[Measured]) -> None:
    """Write ``training-<target>.json`` with every step and ``training-<target>.md`` with the table."""
    document = {
        "schema_version": 1,
        "machine": cpu_model(),
        "torch": torch.__version__,
        "settings": {"model": MODEL, "width": WIDTH, "size": SIZE, "batch": BATCH},
        "results": [dataclasses.asdict(measured) for measured in found],
    }
    name = f"training-{resolve_host().name}"
    write_atomic(RESULTS / f"{name}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(RESULTS / f"{name}.md", _markdown(found))


def _markdown(found: Sequence[Measured]) -> str:
    size = "x".join(map(str, SIZE))
    lines = [
        f"A training step of `{MODEL}` at width {WIDTH}, {BATCH} pictures of {size}, on {cpu_model()}: the binary "
        "network and its twin with real weights and activations and dense attention, step by step in turn. Median and "
        f"range between the quartiles of {len(found[0].binary)} steps; the ratio is that of neighbouring steps. Not "
        "run on a GPU.",
        "",
        "| products in | threads | binary, s | twin, s | ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for one in found:
        cells = " | ".join(_cell(values) for values in (one.binary, one.twin, one.ratios))
        lines.append(f"| {one.precision} | {one.threads} | {cells} |")
    return "\n".join(lines) + "\n"


def _cell(values: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
