"""Options of the commands that read a data set, and what they say of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tvm_bnn.cli.context import note

if TYPE_CHECKING:
    from tvm_bnn.data.datasets import Source

DEFAULT = "scenes"

Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="NAME",
        help="Data set: scenes (generated streets), scenes-PRESET (with its classes), cityscapes, kitti-road, ecssd.",
    ),
]
Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Folder that the data set was unpacked into.")]
SplitName = Annotated[
    Literal["train", "val", "all", "test"],
    typer.Option("--split", help="Which pictures; of a data set without a split of its own, val is every fifth."),
]


def let_threads_sleep() -> None:
    """Threads of torch that wait for each other are to sleep; only before torch is imported.

    They would spin: where other programs use the same cores, a training step then takes ten times as long and more.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def remark_on(source: Source) -> None:
    """Say on stderr what figures of this data set do not compare with, if there is anything."""
    if source.remark is not None:
        note(f"{source.name}: {source.remark}")
