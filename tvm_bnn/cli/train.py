"""``tvm-bnn train``: train a network, or go on where training stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tvm_bnn.cli import data as data_options
from tvm_bnn.cli import options
from tvm_bnn.cli.context import note, parse_size, threads_or_all
from tvm_bnn.cli.evaluate import rated, show_metrics
from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.labels import percent
from tvm_bnn.reporting.tables import Format

if TYPE_CHECKING:
    from rich.progress import Progress

    from tvm_bnn.data.datasets import DataSet, Source
    from tvm_bnn.training.folder import RunFolder
    from tvm_bnn.training.group import Group
    from tvm_bnn.training.loop import StepDone, Trainer
    from tvm_bnn.training.start import Start

_INTERRUPTED = 130
_PLAIN_SECONDS = 10.0
"""Without a terminal a line is written at most this often, measurements apart."""


def command(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder of the run.")],
    model: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="A preset, or a checkpoint (.safetensors) to go on from.")
    ] = options.DEFAULT_MODEL,
    data: data_options.Data = data_options.DEFAULT,
    root: data_options.Root = None,
    width: options.Width = "S",
    size: options.PictureSize = None,
    pictures: Annotated[
        int | None,
        typer.Option(
            "--pictures",
            metavar="N",
            callback=options.at_least(1),
            help="How many to train on; by default all, or 2000 scenes.",
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", callback=options.at_least(1), help="Steps in all.")
    ] = 400,
    # A batch norm over anchors of a single picture would have nothing to take a mean of.
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", callback=options.at_least(2), help="Pictures a step.")
    ] = 16,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", metavar="X", help="The highest; it rises at first and falls to 0.")
    ] = 2e-3,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    twin: Annotated[
        bool, typer.Option("--twin", help="A preset with real weights and activations, to be a teacher.")
    ] = False,
    teacher: Annotated[
        str | None,
        typer.Option("--teacher", metavar="CHECKPOINT", help="Learn from this network too, such as the twin."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option("--device", help="Where to train; auto takes a GPU if there is one."),
    ] = "auto",
    precision: Annotated[
        Literal["float32", "bfloat16"] | None,
        typer.Option("--precision", help="Of products; by default bfloat16 on a GPU, float32 elsewhere."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; what the run left is moved aside.")] = False,
    output_format: options.OutputFormat = "table",
) -> int:
    """Train a network on a data set; run again to go on where it stopped.

    Several processes share every batch: torchrun --nproc-per-node 2 -m tvm_bnn.cli train ...
    """
    wanted = parse_size(size) if size is not None else None
    data_options.let_threads_sleep()
    from tvm_bnn.data.datasets import Request, find
    from tvm_bnn.training.device import device_named, precision_on
    from tvm_bnn.training.evaluation import torch_threads
    from tvm_bnn.training.group import cores_each, joined
    from tvm_bnn.training.loop import Trainer
    from tvm_bnn.training.settings import TrainingSettings
    from tvm_bnn.training.start import checkpoint_name, make_start
    from tvm_bnn.training.teacher import load_teacher

    source = find(data)
    place = device_named(device)
    cores = cores_each(threads_or_all(None)) if threads is None else threads
    _check_preset(model, source)
    taken = wanted or source.usual_size
    with torch_threads(cores), joined() as group:
        start = make_start(model, width, source.classes, taken, seed, twin=twin)
        master = None if teacher is None else load_teacher(teacher, source.classes)
        train = source.open(Request("train", taken, pictures, seed, root))
        settings = TrainingSettings(
            start=start.name,
            data=data,
            size=taken,
            pictures=len(train),
            steps=steps,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            threads=cores,
            processes=group.size,
            teacher="none" if teacher is None else checkpoint_name(teacher),
            device=place,
            precision=precision_on(place, precision),
        )
        validation = source.open(Request("val", taken, settings.validation_pictures, seed, root))
        start.check()
        with _folder(output, fresh, group) as folder:
            trainer = Trainer(start.network, settings, train, validation, folder, group, master)
            return _train(trainer, start, validation, folder, output_format) if group.is_first else _accompany(trainer)


@contextmanager
def _folder(path: Path, fresh: bool, group: Group) -> Iterator[RunFolder]:
    """The folder of the run, locked by the first process before any other looks into it."""
    from tvm_bnn.training.folder import RunFolder, open_folder

    if group.is_first:
        with open_folder(path, fresh=fresh) as folder:
            group.wait()
            yield folder
    else:
        group.wait()
        yield RunFolder(path)


def _check_preset(model: str, source: Source) -> None:
    """A preset of other classes than those of published data is not what the user meant; scenes teach any."""
    from tvm_bnn.models.presets import PRESETS

    preset = PRESETS.get(model)
    if preset is None or source.name not in PRESETS or preset.classes == source.classes:
        return
    raise UsageError(
        f"model: expected a preset with the {len(source.classes)} classes of {source.name}, got {model} with "
        f"{len(preset.classes)}",
        f"tvm-bnn train {source.name} --data {source.name}",
    )


def _train(trainer: Trainer, start: Start, validation: DataSet, folder: RunFolder, output_format: Format) -> int:
    _announce(trainer, start)
    if not _follow(trainer):
        note(f"interrupted after step {trainer.step}; the same command goes on")
        return _INTERRUPTED
    trainer.finish()
    show_metrics(_document(trainer, validation, folder), output_format)
    note(f"network in {folder.model}, log in {folder.log}")
    return 0


def _accompany(trainer: Trainer) -> int:
    """Train along with the first process, which shows and writes everything."""
    from tvm_bnn.training.interrupt import postponed_interrupt

    with postponed_interrupt() as interrupted:
        for _ in trainer.run(interrupted):
            pass
    return 0 if trainer.step == trainer.settings.steps else _INTERRUPTED


def _announce(trainer: Trainer, start: Start) -> None:
    settings = trainer.settings
    size = "x".join(map(str, settings.size))
    note(f"{start.name}, pictures of {settings.data} {size}: {settings.pictures}, threads: {settings.threads}")
    if (settings.device, settings.precision) != ("cpu", "float32"):
        note(f"on {settings.device}, products in {settings.precision}")
    if settings.processes > 1:
        note(f"processes: {settings.processes}, pictures of a step for each: {settings.batch // settings.processes}")
    if start.new:
        note(f"not in the checkpoint in this shape, so begun at random: {', '.join(start.new)}")
    if trainer.step:
        note(f"going on after step {trainer.step} of {settings.steps}")


def _follow(trainer: Trainer) -> bool:
    """Train and show it; whether all steps are done."""
    from tvm_bnn.training.interrupt import postponed_interrupt

    with _shown(trainer.settings.steps) as told, postponed_interrupt() as interrupted:
        for event in trainer.run(interrupted):
            told.step(event)
    return trainer.step == trainer.settings.steps


def _document(trainer: Trainer, validation: DataSet, folder: RunFolder) -> dict[str, Any]:
    """Metrics of the finished file as it is deployed, and what made it."""
    from tvm_bnn.training.subject import open_subject

    settings = trainer.settings
    floating = not trainer.network.config.design.integer
    subject = open_subject(str(folder.model), None, settings.threads, floating=floating)
    return {
        **rated(subject, validation, "val"),
        "start": settings.start,
        "steps": settings.steps,
        "batch": settings.batch,
        "learning_rate": settings.learning_rate,
        "seed": settings.seed,
        "threads": settings.threads,
        "processes": settings.processes,
        "teacher": settings.teacher,
        "device": settings.device,
        "precision": settings.precision,
        "training_pictures": settings.pictures,
        "checkpoint": str(folder.model),
        "log": str(folder.log),
    }


@contextmanager
def _shown(steps: int) -> Iterator[_Shown]:
    if not sys.stderr.isatty():
        yield _Shown(steps, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as live:
        live.add_task("drawing the pictures", total=steps)
        yield _Shown(steps, live)


class _Shown:
    """What a run looks like while it goes on: a live line in a terminal, plain lines elsewhere; always stderr.

    Args:
        steps: in all.
        live: the line, with one task; None without a terminal.
    """

    def __init__(self, steps: int, live: Progress | None) -> None:
        self._steps = steps
        self._live = live
        self._here = 0
        self._loss: float | None = None
        self._began = self._last = time.monotonic()

    def step(self, event: StepDone) -> None:
        """Tell one step, or none."""
        self._here += 1
        self._loss = event.loss if self._loss is None else 0.9 * self._loss + 0.1 * event.loss
        line = f"[{event.step}/{self._steps}] {self._status(event)}"
        if self._live is not None:
            self._live.update(self._live.task_ids[0], completed=event.step, description=self._status(event))
            if event.metrics is not None:
                self._live.console.print(line, markup=False, highlight=False)
        elif event.metrics is not None or time.monotonic() - self._last >= _PLAIN_SECONDS:
            self._last = time.monotonic()
            note(line)

    def _status(self, event: StepDone) -> str:
        parts = [f"loss {self._loss:.3f}"]
        if event.metrics is not None:
            parts.append(f"mIoU {percent(event.metrics.miou)} in floating point")
        left = (time.monotonic() - self._began) / self._here * (self._steps - event.step)
        return " · ".join([*parts, f"{left / 60:.1f} min to go"])
