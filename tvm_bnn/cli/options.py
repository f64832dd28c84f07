"""Arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from tvm_bnn.errors import UsageError

DEFAULT_MODEL = "cityscapes"
DEFAULT_TARGET = "cpu"


def at_least(least: int) -> Callable[[typer.CallbackParam, int | None], int | None]:
    """A check for an option that is a number: ``least`` or more."""

    def check(parameter: typer.CallbackParam, value: int | None) -> int | None:
        if value is not None and value < least:
            raise UsageError(f"{parameter.opts[0]}: expected {least} or more, got {value}", "give a greater number")
        return value

    return check


Model = Annotated[
    str, typer.Argument(metavar="[MODEL]", help="A preset, a checkpoint (.safetensors), or package.module:factory.")
]
TargetName = Annotated[
    str, typer.Option("--target", metavar="NAME", help="See `tvm-bnn targets`; cpu and cuda stand for this machine.")
]
Width = Annotated[Literal["S", "M", "L"], typer.Option("--width", help="Width of a preset.")]
InputSize = Annotated[
    str | None, typer.Option("--input-size", metavar="HxW", help="Height and width; by default the model's own.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", callback=at_least(0), help="Of random weights and pictures.")]
ModelSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        callback=at_least(0),
        help="Of random weights and pictures; by default a preset has trained weights, if some ship with it.",
    ),
]
OutputFormat = Annotated[Literal["table", "json", "csv"], typer.Option("--format", help="How results are written.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", callback=at_least(1), help="Cores to use; by default all of them."),
]
RunnerName = Annotated[
    Literal["auto", "local", "rpc", "static"],
    typer.Option(
        "--runner",
        help="What tells times: this machine, boards over RPC, or a model of the target; auto takes what fits.",
    ),
]
RpcTracker = Annotated[
    str | None, typer.Option("--rpc-tracker", metavar="HOST:PORT", help="TVM RPC tracker that boards register with.")
]
RpcKey = Annotated[
    str | None, typer.Option("--rpc-key", metavar="KEY", help="Key of the boards; by default the target's name.")
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="S", min=1, help="Seconds that one trial may take.")]
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
PictureSize = Annotated[
    str | None,
    typer.Option(
        "--input-size", "--size", metavar="HxW", help="Height and width; by default those of the data or of the model."
    ),
]
