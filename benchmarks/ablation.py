"""``python -m benchmarks.ablation``: train every design with several seeds, and compare.

Interrupted, the same command goes on: runs that are done are kept, one that was begun is taken up where its state is.
Results are those of the networks as trained, in floating point, on pictures that none of them has seen.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from benchmarks.ablation_table import write_results
from tvm_bnn.data.datasets import Scenes
from tvm_bnn.files import write_atomic
from tvm_bnn.models.config import Design
from tvm_bnn.models.presets import preset
from tvm_bnn.training.evaluation import evaluate, float_labels, torch_threads
from tvm_bnn.training.folder import RunFolder, open_folder
from tvm_bnn.training.loop import Trainer
from tvm_bnn.training.settings import TrainingSettings
from tvm_bnn.training.start import seeded_network
from tvm_bnn.training.state import read_state

DESIGNS = {
    "fp32 twin": Design("multi-branch", "dense", real=True),
    "bilinear": Design("bilinear", "none"),
    "single branch": Design("single", "none"),
    "multi-branch": Design("multi-branch", "none"),
    "multi-branch + pooled binary attention": Design("multi-branch", "pooled"),
    "multi-branch + dense fp32 attention": Design("multi-branch", "dense"),
}
"""What is compared, by name."""

SIZE = (96, 192)
BATCH = 8
TRAINING_PICTURES, TEST_PICTURES = 2000, 200
WIDTH = "XS"


@dataclass(frozen=True)
class Run:
    """One design trained with one seed."""

    design: str
    seed: int

    def folder(self, work: Path) -> Path:
        """Where its state is kept."""
        words = self.design.replace(",", "").replace(" + ", " ").split()
        return work / f"{'-'.join(words)}-{self.seed}"

    def metrics(self, work: Path) -> Path:
        """What was measured; the last file of a run."""
        return self.folder(work) / "metrics.json"

    def is_done(self, steps: int, work: Path) -> bool:
        """Whether it was trained for so many steps and measured."""
        return self.metrics(work).exists() and read_state(RunFolder(self.folder(work)).state).step == steps


def main() -> None:
    """Train what is not done yet, then write the table."""
    arguments = _parse()
    if arguments.one is not None:
        design, seed = arguments.one
        train(Run(list(DESIGNS)[design], seed), arguments.steps, arguments.work)
        return
    runs = [Run(design, seed) for seed, design in product(range(arguments.seeds), DESIGNS)]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda run: _in_a_process(run, arguments.steps, arguments.work), runs))
    results = {run: json.loads(run.metrics(arguments.work).read_text()) for run in runs}
    settings = {
        "steps": arguments.steps,
        "batch": BATCH,
        "size": SIZE,
        "width": WIDTH,
        "training_pictures": TRAINING_PICTURES,
        "test_pictures": TEST_PICTURES,
    }
    write_results({design: [results[run] for run in runs if run.design == design] for design in DESIGNS}, settings)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("--work", type=Path, default=Path("tvm-bnn-work/ablation"), metavar="DIR")
    parser.add_argument("--one", type=int, nargs=2, metavar=("DESIGN", "SEED"), help="train this one only, by number")
    return parser.parse_args()


def _in_a_process(run: Run, steps: int, work: Path) -> None:
    """A process each: torch's number of threads belongs to the process."""
    if run.is_done(steps, work):
        return
    number = list(DESIGNS).index(run.design)
    command = [sys.executable, "-m", "benchmarks.ablation", "--steps", str(steps), "--work", str(work)]
    subprocess.run([*command, "--one", str(number), str(run.seed)], check=True)


def train(run: Run, steps: int, work: Path) -> None:
    """Train one network to the end and measure it."""
    data = Scenes("train", TRAINING_PICTURES, SIZE, run.seed)
    config = dataclasses.replace(
        preset("cityscapes", WIDTH), classes=data.classes, input_size=SIZE, design=DESIGNS[run.design]
    )
    settings = TrainingSettings(
        start=run.design,
        data="scenes",
        size=SIZE,
        pictures=TRAINING_PICTURES,
        steps=steps,
        batch=BATCH,
        learning_rate=3e-3,
        seed=run.seed,
        threads=1,
        validation_pictures=TEST_PICTURES,
        validate_every=steps,
        save_every=200,
    )
    test = Scenes("val", TEST_PICTURES, SIZE, run.seed)
    with torch_threads(1), open_folder(run.folder(work), fresh=False) as folder:
        trainer = Trainer(seeded_network(config, run.seed), settings, data, test, folder)
        for done in trainer.run():
            if done.step % 200 == 0:
                sys.stderr.write(f"{run.design}, seed {run.seed}: step {done.step}, loss {done.loss:.3f}\n")
        trainer.finish()
        metrics = evaluate(float_labels(trainer.network), test)
        write_atomic(run.metrics(work), json.dumps(asdict(metrics), indent=1) + "\n")


if __name__ == "__main__":
    main()
