"""Arguments and options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

DEFAULT_MODEL = "cityscapes"
DEFAULT_TARGET = "cpu"
Model = Annotated[
    str, typer.Argument(metavar="[MODEL]", help="A preset, a checkpoint (.safetensors), or package.module:factory.")
]
TargetName = Annotated[
    str, typer.Option("--target", metavar="NAME", help="See `tvm-bnn targets`; cpu stands for this machine.")
]
Width = Annotated[Literal["S", "M", "L"], typer.Option("--width", case_sensitive=False, help="Width of a preset.")]
InputSize = Annotated[
    str | None, typer.Option("--input-size", metavar="HxW", help="Height and width; by default the model's own.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of random weights and pictures.")]
OutputFormat = Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How results are written.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Cores to use; by default all of them.")]
WorkDirectory = Annotated[
    Path | None,
    typer.Option("--work-dir", metavar="DIR", help="Where tuning works; by default ./tvm-bnn-work/TARGET."),
]
Records = Annotated[
    Path | None,
    typer.Option("--records", metavar="DIR", help="Records that win over those of the work dir and the shipped ones."),
]
Dump = Annotated[
    Path | None, typer.Option("--dump", metavar="DIR", help="Write the network as it is after each phase.")
]
