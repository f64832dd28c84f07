"""``tvm-bnn run``: label the pixels of pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
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
    from tvm_bnn.data.picture import ClassInfo, UInt8
    from tvm_bnn.deploy.runner import Runner

_COLUMNS = (
    Column("image", "image"),
    Column("overlay", "overlay"),
    Column("size", "size"),
    Column("classes", "classes"),
)
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
_UNTRAINED = "untrained weights: the colours mean nothing"


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `tvm-bnn compile` wrote.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE|FOLDER", help="A picture, or a folder of pictures.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="The overlay, a PNG file; for a folder, a folder.")
    ],
    threads: options.Threads = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """Segment a picture or a folder of pictures, and lay the classes over them."""
    jobs = _jobs(image, output)
    from tvm_bnn.deploy.runner import Runner

    segmenter = _Segmenter(Runner.load(bundle, threads))
    rows, failed = [], 0
    for picture, overlay in jobs:
        try:
            rows.append(segmenter.segment(picture, overlay))
        except UsageError as error:
            if picture == image:
                raise
            failed += 1
            note(f"{picture}: {error.message}")
    table = Table(_COLUMNS, [_readable(row) for row in rows])
    show(
        table, {"schema_version": 1, "bundle": str(bundle), "images": rows}, [_flat(row) for row in rows], output_format
    )
    if failed:
        raise UsageError(f"expected {len(jobs)} pictures, got {failed} that cannot be used", "they are named above")


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


@dataclass(frozen=True)
class _Segmenter:
    """A loaded network between pictures of any size."""

    runner: Runner

    def segment(self, picture: Path, destination: Path) -> dict[str, Any]:
        """Write one overlay; what was found."""
        from tvm_bnn.data.picture import labels_to_size, load_picture, overlay, resize_to, save_png

        image = load_picture(picture)
        labels = self.runner.run(resize_to(image, self.runner.manifest.input_size))
        labels = labels_to_size(labels, (image.shape[0], image.shape[1]))
        save_png(overlay(image, labels, self._classes(), self._note()), destination)
        return {
            "image": str(picture),
            "overlay": str(destination),
            "height": image.shape[0],
            "width": image.shape[1],
            "classes": self._shares(labels),
        }

    def _classes(self) -> list[ClassInfo]:
        from tvm_bnn.data.picture import ClassInfo

        return [ClassInfo(entry.name, entry.color) for entry in self.runner.manifest.classes]

    def _note(self) -> str | None:
        return None if self.runner.manifest.trained else _UNTRAINED

    def _shares(self, labels: UInt8) -> dict[str, float]:
        """Share of the pixels by class, the classes that occur."""
        import numpy as np

        counts = np.bincount(labels.ravel(), minlength=256)
        return {
            entry.name: int(counts[label]) / labels.size
            for label, entry in enumerate(self.runner.manifest.classes)
            if counts[label]
        }


def _readable(row: Row) -> Row:
    return {**_flat(row), "size": f"{row['height']}x{row['width']}"}


def _flat(row: Row) -> Row:
    named = sorted(row["classes"].items(), key=lambda pair: -pair[1])
    return {**row, "classes": ", ".join(f"{name} {percent(share)}" for name, share in named)}
