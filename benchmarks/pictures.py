"""``python -m benchmarks.pictures [--only NAMES]``: the pictures that the README shows, into ``docs/pictures``.

``overlay`` compiles a preset and runs it on a generated scene; ``charts`` draws the operators and the roofline of the
reference profile; ``tuning`` tunes two layers and keeps what stood in the terminal. To be run on an idle machine, after
``make reports``. The plot of the attention's cost is that of ``python -m benchmarks.attention``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reports import REPORTS, WIDTH, chapter_of, said
from benchmarks.terminal import terminal_svg
from tvm_bnn.data.contract import Request
from tvm_bnn.data.datasets import DATA_SETS
from tvm_bnn.data.picture import UInt8
from tvm_bnn.files import write_atomic
from tvm_bnn.reporting.pictures import Picture, operators_picture, pictures
from tvm_bnn.reporting.svg import standalone

PICTURES = Path("docs/pictures")
MODEL, SCENES = "cityscapes", ("scenes-cityscapes", "scenes")
"""What is run on a scene, and on scenes of which data set: the first of those that there are."""

SIZE = (256, 512)
SCENE = 3
"""The number of the scene, chosen for what is to be seen in it; the network was not trained on it."""

CHARTED = ("x86-avx512", "kitti-road")
OPERATORS = 12
"""Bars: what takes most of the time."""

TUNED = ("tune", "kitti-road", "--target", "cpu", "--tasks", "0,3", "--trials", "48")

_GAP = 8
"""Pixels between two pictures side by side."""

_QUALITY = 88


def main() -> None:
    """Make all pictures, or some."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--only", default=",".join(MAKERS), help="names, separated by commas")
    for name in parser.parse_args().only.split(","):
        for path in MAKERS[name]():
            sys.stdout.write(f"{path}\n")


def overlay() -> list[Path]:
    """A scene that no network was trained on, and the same with the labels over it."""
    source = next(DATA_SETS[name] for name in SCENES if name in DATA_SETS)
    scene = source.open(Request("val", SIZE, pictures=SCENE + 1)).sample(SCENE).picture
    with tempfile.TemporaryDirectory() as folder:
        bundle, picture, labelled = (Path(folder, name) for name in ("bundle", "scene.png", "overlay.png"))
        Image.fromarray(scene).save(picture)
        said("compile", MODEL, "--width", WIDTH, "--input-size", "x".join(map(str, SIZE)), "-o", str(bundle))
        said("run", str(bundle), str(picture), "-o", str(labelled))
        found = np.asarray(Image.open(labelled).convert("RGB"))
    path = PICTURES / "overlay.jpg"
    path.parent.mkdir(exist_ok=True)
    _beside(scene, found).save(path, quality=_QUALITY, optimize=True)
    return [path]


def _beside(scene: UInt8, labelled: UInt8) -> Image.Image:
    """Both, side by side; the second is higher, for its legend stands below it, on a ground that both then have."""
    height, width, _ = labelled.shape
    ground = labelled[-1, -1]
    whole = np.full((height, 2 * width + _GAP, 3), ground, np.uint8)
    whole[: scene.shape[0], :width] = scene
    whole[:, width + _GAP :] = labelled
    return Image.fromarray(whole)


def charts() -> list[Path]:
    """The slowest operators and the roofline, light or dark as the reader's system is."""
    target, model = CHARTED
    chapter = chapter_of(REPORTS / target / f"{model}-{WIDTH}.json", instructions=False)
    roofline = next(picture for picture in pictures(chapter) if picture.name == "roofline")
    return [_drawn(operators_picture(chapter, OPERATORS)), _drawn(roofline)]


def _drawn(picture: Picture) -> Path:
    path = PICTURES / f"{picture.name}.svg"
    write_atomic(path, standalone(picture.alone()))
    return path


def tuning() -> list[Path]:
    """What `tvm-bnn tune` says from a new work dir on."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tvm_bnn.cli", *TUNED]
        told = subprocess.run(
            command, check=True, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ).stdout
    path = PICTURES / "tuning.svg"
    write_atomic(path, terminal_svg(" ".join(("tvm-bnn", *TUNED)), told))
    return [path]


MAKERS: dict[str, Callable[[], list[Path]]] = {"overlay": overlay, "charts": charts, "tuning": tuning}

if __name__ == "__main__":
    main()
