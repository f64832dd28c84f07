"""``python -m benchmarks.reports [--targets NAMES] [--fresh]``: the reference reports.

Profiles every preset, measured on the CPU classes that this machine can run, estimated on boards, and verifies its
attention; keeps both as JSON under ``reports/<target>/``, and writes the pages over all that lie there, whatever
machine they come from. Targets that nobody has run are named as such. What exists is not made again without
``--fresh``. Tuning curves come from the work dirs of
``python -m benchmarks.records``, where these are at hand.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from benchmarks.records import TARGETS
from tvm_bnn.cli import main as cli
from tvm_bnn.files import write_atomic
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.reporting.comparison import Absent
from tvm_bnn.reporting.folder import write_report
from tvm_bnn.reporting.gather import Sources, chapter, target_of
from tvm_bnn.reporting.material import Chapter, read_profile, read_verification
from tvm_bnn.targets import Target, cpu_flags, missing_features, names
from tvm_bnn.targets import load as load_target
from tvm_bnn.tuning.records import load_book

REPORTS = Path("reports")
WORK = Path("build/records")
WIDTH = "S"
GENERIC = ("cpu-portable",)
"""Targets that are no machine."""

_VERIFIED = "-verify.json"


def main() -> None:
    """Profile what is missing, then write the pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--fresh", action="store_true", help="profile again what exists")
    arguments = parser.parse_args()
    for name in arguments.targets.split(","):
        profile_all(name, fresh=arguments.fresh)
    found = list(chapters())
    for page in write_report(found, REPORTS, absent({one.target.name for one in found})):
        print(page)


def profile_all(name: str, *, fresh: bool) -> None:
    """Every preset on one target, or a line that says why not."""
    target = load_target(name)
    missing = missing_features(target, cpu_flags())
    if missing and target.core is None:
        sys.stderr.write(f"{name}: not run on this machine, which lacks {', '.join(missing)}\n")
        return
    for preset in PRESETS:
        for command, ending in (("profile", ".json"), ("verify", _VERIFIED)):
            path = REPORTS / name / f"{preset}-{WIDTH}{ending}"
            if fresh or not path.exists():
                write_atomic(path, said(command, preset, "--target", name, "--width", WIDTH, "--format", "json"))


def said(*arguments: str) -> str:
    """What a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = cli(arguments)
    if code:
        raise SystemExit(code)
    return out.getvalue()


def absent(present: Collection[str]) -> list[Absent]:
    """The targets that are machines of their own and have no chapter."""
    targets = (load_target(name) for name in names() if name not in (*present, *GENERIC))
    return [Absent(target.name, target.description, f"not run on hardware: {_lacking(target)}") for target in targets]


def _lacking(target: Target) -> str:
    if target.kind == "cuda":
        return "no such GPU was at hand"
    return f"no machine with {', '.join(missing_features(target, cpu_flags()))} was at hand"


def chapters() -> Iterator[Chapter]:
    """One for every profile that lies in the folder."""
    for path in sorted(REPORTS.glob("*/*.json")):
        if not path.name.endswith(_VERIFIED):
            yield chapter_of(path, instructions=True)


def chapter_of(path: Path, *, instructions: bool) -> Chapter:
    """All that is known of a profile in the folder."""
    profile = read_profile(path)
    target = target_of(profile)
    book, _ = load_book(target, [])
    sources = Sources(book, WORK / f"{target.name}-1" / "journal.jsonl", instructions)
    verified = path.with_name(path.stem + _VERIFIED)
    verification = read_verification(verified) if verified.exists() else None
    model = _preset(profile.model, profile.width, profile.input_size) if profile.model in PRESETS else None
    return chapter(profile, target, model, sources, verification)


@cache
def _preset(name: str, width: str, size: tuple[int, int]) -> LoadedModel:
    return load(name, width=width, input_size=size)


if __name__ == "__main__":
    main()
