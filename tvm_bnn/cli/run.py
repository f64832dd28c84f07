"""``tvm-bnn run``: label the pixels of pictures."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import note
from tvm_bnn.cli.show import show
from tvm_bnn.errors import UsageError
from tvm_bnn.reporting.labels import percent
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.deploy.frames import Frame, Job
    from tvm_bnn.deploy.runner import Runner

_COLUMNS = (
    Column("image", "image"),
    Column("overlay", "overlay"),
    Column("size", "size"),
    Column("network_ms", "network ms"),
    Column("classes", "classes"),
)
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
_PLAIN_SECONDS = 5.0
"""Without a terminal a line of progress is written at most this often."""


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `tvm-bnn compile` wrote.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE|FOLDER", help="A picture, or a folder of pictures.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="The overlay, a PNG file; for a folder, a folder.")
    ],
    threads: options.Threads = None,
    rpc_tracker: options.RpcTracker = None,
    rpc_key: options.RpcKey = None,
    timeout: options.Timeout = 60,
    output_format: options.OutputFormat = "table",
) -> None:
    """Segment a picture or a folder of pictures, here or on a board, and lay the classes over them."""
    pairs = _jobs(image, output)
    from tvm_bnn.deploy.frames import Job

    jobs = [Job(*pair) for pair in pairs]
    with _runner(bundle, threads, rpc_tracker, rpc_key, timeout) as runner:
        if runner.manifest.trained_on:
            note(f"{runner.manifest.name} was trained on {runner.manifest.trained_on}")
        began = time.perf_counter()
        frames = _segmented(runner, jobs, single=not image.is_dir())
        timing = _timing(frames, time.perf_counter() - began)
    rows = [_row(frame) for frame in frames]
    document = {"schema_version": 1, "bundle": str(bundle), "timing": timing, "images": rows}
    show(Table(_COLUMNS, [_readable(row) for row in rows]), document, [_flat(row) for row in rows], output_format)
    if image.is_dir() and frames:
        note(_told(timing))
    failed = len(jobs) - len(frames)
    if failed:
        raise UsageError(f"expected {len(jobs)} pictures, got {failed} that cannot be used", "they are named above")


@contextmanager
def _runner(
    bundle: Path, threads: int | None, tracker: str | None, key: str | None, timeout: float
) -> Iterator[Runner]:
    """The bundle's network, on this host or on a board that a tracker knows."""
    if tracker is None:
        from tvm_bnn.deploy.runner import Runner

        yield Runner.load(bundle, threads)
        return
    from tvm_bnn.remote.network import remote_runner
    from tvm_bnn.tuning.runners import Wanted

    with remote_runner(bundle, Wanted("rpc", tracker, key, timeout), threads) as runner:
        yield runner


def _jobs(image: Path, output: Path) -> list[tuple[Path, Path]]:
    """Pictures and where their overlays go."""
    if image.is_dir():
        return _folder_jobs(image, output)
    if output.suffix.lower() != ".png":
        raise UsageError(f"-o: expected a name that ends in .png, got '{output}'", f"for example -o {image.stem}.png")
    if output.is_dir():
        raise UsageError(f"-o: expected a file to write, got a folder at '{output}'", "name a file in it")
    return [(image, output)]


def _folder_jobs(folder: Path, output: Path) -> list[tuple[Path, Path]]:
    if output.exists() and not output.is_dir():
        raise UsageError(f"-o: expected a folder, got a file at '{output}'", "a folder of pictures gives a folder")
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not pictures:
        raise UsageError(f"expected pictures, got none in '{folder}'", f"known are {', '.join(sorted(_SUFFIXES))}")
    stems = Counter(path.stem for path in pictures)
    # Two pictures that differ only in their endings must not overwrite each other.
    return [(path, output / f"{path.stem if stems[path.stem] == 1 else path.name}.png") for path in pictures]


def _segmented(runner: Runner, jobs: Sequence[Job], *, single: bool) -> list[Frame]:
    """The pictures that went well; the others are named, unless the only one is at fault."""
    from tvm_bnn.deploy.frames import Failure, segmented

    frames = []
    with _progress(len(jobs)) as done:
        for outcome in segmented(runner, jobs):
            if not isinstance(outcome, Failure):
                frames.append(outcome)
            elif single:
                raise outcome.error
            else:
                note(f"{outcome.job.picture}: {outcome.error.message}")
            done()
    return frames


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Something to call after each picture."""
    if sys.stderr.isatty() and total > 1:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as live:
            bar = live.add_task("pictures", total=total)
            yield lambda: live.advance(bar)
        return
    number, last = 0, time.monotonic()

    def done() -> None:
        nonlocal number, last
        number += 1
        if time.monotonic() - last >= _PLAIN_SECONDS:
            last = time.monotonic()
            note(f"[{number}/{total}] pictures")

    yield done


def _timing(frames: Sequence[Frame], seconds: float) -> dict[str, Any]:
    """Pictures a second from the first read to the last written, and what the network took of one."""
    import numpy as np

    network = None
    if frames:
        values = np.percentile([frame.milliseconds for frame in frames], [50, 5, 95, 99])
        network = dict(zip(("median", "p5", "p95", "p99"), map(float, values), strict=True))
    return {"pictures": len(frames), "seconds": seconds, "per_second": len(frames) / seconds, "network_ms": network}


def _told(timing: dict[str, Any]) -> str:
    took = timing["network_ms"]
    return (
        f"{timing['pictures']} pictures in {timing['seconds']:.1f} s, {timing['per_second']:.1f} a second; network "
        f"{took['median']:.1f} ms (p5 {took['p5']:.1f}, p95 {took['p95']:.1f}, p99 {took['p99']:.1f})"
    )


def _row(frame: Frame) -> Row:
    return {
        "image": str(frame.job.picture),
        "overlay": str(frame.job.overlay),
        "height": frame.height,
        "width": frame.width,
        "network_ms": frame.milliseconds,
        "classes": frame.shares,
    }


def _readable(row: Row) -> Row:
    return {**_flat(row), "size": f"{row['height']}x{row['width']}", "network_ms": f"{row['network_ms']:.1f}"}


def _flat(row: Row) -> Row:
    named = sorted(row["classes"].items(), key=lambda pair: -pair[1])
    return {**row, "classes": ", ".join(f"{name} {percent(share)}" for name, share in named)}
