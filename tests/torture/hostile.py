"""``python -m tests.torture.hostile KIND COUNT SEED``: read damaged files, one after the other, within limits.

A file may be read or refused as a user's error; anything else, a crash, memory beyond the limit or a reader that does
not come back, is a defect. The last line is what was found, as JSON; the number of the case is on stderr before each.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.torture.mutations import mutated, mutated_json
from tvm_bnn.errors import ToolchainError, UsageError

MEMORY = 6 << 30
"""Bytes of address space above what is loaded already; a picture of 100 million pixels is allowed to take some."""

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: of the file to write.
        wholes: good ones, to be damaged.
        read: what a command does with it first.
        is_json: whether documents that are still JSON are worth trying.
    """

    name: str
    wholes: Sequence[bytes]
    read: Read
    is_json: bool = False


def pictures(_folder: Path) -> Kind:
    """Pictures of every sort that Pillow reads and this program meets."""
    from tvm_bnn.data.picture import load_picture

    return Kind("picture", list(_pictures()), load_picture)


def _pictures() -> Iterator[bytes]:
    colours = np.random.default_rng(0).integers(0, 256, (19, 23, 4), np.uint8)
    picture = Image.fromarray(colours)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb, wide = picture.convert("RGB"), Image.fromarray(colours[..., 0].astype(np.uint16) * 257)
    for image, form, options in (
        (picture, "PNG", {}),
        (wide, "PNG", {}),
        (rgb.quantize(16), "PNG", {"transparency": 3}),
        (rgb.resize((1, 40)), "PNG", {}),
        (rgb, "JPEG", {"exif": exif}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (wide, "TIFF", {}),
        (rgb, "GIF", {"save_all": True, "append_images": [rgb.rotate(90)]}),
        (picture, "WEBP", {}),
        (rgb, "BMP", {}),
        (rgb, "PPM", {}),
        (picture, "ICO", {}),
    ):
        held = io.BytesIO()
        image.save(held, form, **options)
        yield held.getvalue()


def manifests(folder: Path) -> Kind:
    """The manifest of a bundle, which is then loaded as far as its word goes."""
    from tvm_bnn.deploy.manifest import MANIFEST
    from tvm_bnn.deploy.runner import Runner

    bundle = _bundle(folder)
    return Kind(f"bundle/{MANIFEST}", [(bundle / MANIFEST).read_bytes()], lambda path: Runner.load(path.parent), True)


def libraries(folder: Path) -> Kind:
    """The library of a bundle, up to the point where code would be loaded; its checksum is that of the whole one."""
    from tvm_bnn.deploy.manifest import LIBRARY, read_manifest, verify_files

    bundle = _bundle(folder)
    whole = (bundle / LIBRARY).read_bytes()
    return Kind(f"bundle/{LIBRARY}", [whole], lambda path: verify_files(path.parent, read_manifest(path.parent)))


def _bundle(folder: Path) -> Path:
    from tests.tiny import MODEL
    from tvm_bnn.deploy.bundle import write_bundle
    from tvm_bnn.graph.phases import compile_network
    from tvm_bnn.models.load import load
    from tvm_bnn.targets import resolve_host
    from tvm_bnn.tuning.plan import default_choice

    target, model = resolve_host(), load(MODEL)
    shape = (1, *model.input_size, 3)
    compiled = compile_network(model.network, shape, target, 1, lambda op: default_choice(op, target, 1))
    write_bundle(folder / "bundle", model, compiled)
    return folder / "bundle"


def checkpoints(folder: Path) -> Kind:
    """A trained network's file."""
    import torch

    from tvm_bnn.models.checkpoint import load_checkpoint, save_checkpoint
    from tvm_bnn.models.config import Design
    from tvm_bnn.models.presets import preset
    from tvm_bnn.models.segmentation import SegmentationNet

    config = preset("ecssd", "XS")
    assert config.design == Design()
    save_checkpoint(folder / "whole", SegmentationNet(config), torch.zeros((1, 3, 32, 32), dtype=torch.uint8))
    return Kind("network.safetensors", [(folder / "whole").read_bytes()], load_checkpoint)


def records(_folder: Path) -> Kind:
    """Records of tuning, and what is then chosen by them."""
    from tvm_bnn.resources import data_root
    from tvm_bnn.targets import load as load_target
    from tvm_bnn.tuning.plan import choose
    from tvm_bnn.tuning.records import RecordBook, read_records

    lines = (data_root("schedules") / "x86-avx512" / "measured.jsonl").read_bytes().splitlines(keepends=True)
    target = load_target("x86-avx512")

    def read(path: Path) -> None:
        found, _ = read_records(path)
        for record in found:
            choose(record.operator, target, record.line.threads, RecordBook(target, [found]))

    return Kind("measured.jsonl", lines[:8], read, True)


def targets(_folder: Path) -> Kind:
    """Descriptions of targets."""
    from tvm_bnn.resources import data_root
    from tvm_bnn.targets.reader import read_target

    return Kind("rpi4.toml", [(data_root("targets") / "rpi4.toml").read_bytes()], read_target)


def profiles(_folder: Path) -> Kind:
    """Profiles that reports are made of."""
    from tvm_bnn.reporting.material import read_profile

    found = sorted((Path(__file__).parents[2] / "reports").glob("*/*.json"))
    return Kind("profile.json", [path.read_bytes() for path in found if _is_profile(path)][:2], read_profile, True)


def _is_profile(path: Path) -> bool:
    return "operators" in json.loads(path.read_bytes())


KINDS: dict[str, Callable[[Path], Kind]] = {
    made.__name__: made for made in (pictures, manifests, libraries, checkpoints, records, targets, profiles)
}


def fuzz(kind: Kind, folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Read so many damaged files; how many were read, how many refused, and the longest time in seconds."""
    outcomes: Counter[str] = Counter()
    longest = 0.0
    path = folder / kind.name
    for number in range(count):
        sys.stderr.write(f"case {number}\n")
        rng = np.random.default_rng((seed, number))
        whole = kind.wholes[number % len(kind.wholes)]
        path.write_bytes(_damaged(kind, whole, rng))
        started = time.perf_counter()
        try:
            kind.read(path)
            outcomes["read"] += 1
        except (UsageError, ToolchainError):
            outcomes["refused"] += 1
        longest = max(longest, time.perf_counter() - started)
    return {"cases": count, **outcomes, "longest_s": round(longest, 3)}


def _damaged(kind: Kind, whole: bytes, rng: np.random.Generator) -> bytes:
    """Not what it was; some changes change nothing."""
    while True:
        changed = (mutated_json if kind.is_json and rng.integers(2) else mutated)(whole, rng)
        if changed != whole:
            return changed


def _read_wholes(kind: Kind, folder: Path) -> None:
    """What is not damaged is read; else nothing would be tried but one early refusal."""
    path = folder / kind.name
    for whole in kind.wholes:
        path.write_bytes(whole)
        kind.read(path)


def _limit_memory() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


def main() -> None:
    """One kind of file."""
    name, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        kind = KINDS[name](Path(folder))
        _read_wholes(kind, Path(folder))
        _limit_memory()
        found = fuzz(kind, Path(folder), count, seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps({**found, "peak_mib": peak}) + "\n")


if __name__ == "__main__":
    main()
