"""``python -m benchmarks.reports [--targets NAMES] [--fresh]``: the reference reports.

Profiles every preset, measured on the CPU classes that this machine can run, estimated on boards, and verifies its
attention; keeps both as JSON under ``reports/<target>/``, and writes the pages over all that lie there, whatever
machine they come from. What exists is not made again without ``--fresh``. Tuning curves come from the work dirs of
``python -m benchmarks.records``, where these are at hand.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmarks.records import TARGETS
from tvm_bnn.cli import main as cli
from tvm_bnn.files import write_atomic
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.reporting.folder import write_report
from tvm_bnn.reporting.gather import Sources, chapter, target_of
from tvm_bnn.reporting.material import Chapter, read_profile, read_verification
from tvm_bnn.targets import cpu_flags, missing_features
from tvm_bnn.targets import load as load_target
from tvm_bnn.tuning.records import load_book

REPORTS = Path("reports")
WORK = Path("build/records")
WIDTH = "S"

_VERIFIED = "-verify.json"


def main() -> None:
    """Profile what is missing, then write the pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--fresh", action="store_true", help="profile again what exists")
    arguments = parser.parse_args()
    for name in arguments.targets.split(","):
        profile_all(name, fresh=arguments.fresh)
    for page in write_report(list(chapters()), REPORTS):
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
                write_atomic(path, _said(command, preset, "--target", name, "--width", WIDTH, "--format", "json"))


def _said(*arguments: str) -> str:
    """What a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = cli(arguments)
    if code:
        raise SystemExit(code)
    return out.getvalue()


def chapters() -> Iterator[Chapter]:
    """One for every profile that lies in the folder."""
    for path in sorted(REPORTS.glob("*/*.json")):
        if path.name.endswith(_VERIFIED):
            continue
        profile = read_profile(path)
        target = target_of(profile)
        book, _ = load_book(target, [])
        sources = Sources(book, WORK / f"{target.name}-1" / "journal.jsonl", instructions=True)
        verified = path.with_name(path.stem + _VERIFIED)
        verification = read_verification(verified) if verified.exists() else None
        model = _preset(profile.model, profile.width, profile.input_size) if profile.model in PRESETS else None
        yield chapter(profile, target, model, sources, verification)


@cache
def _preset(name: str, width: str, size: tuple[int, int]) -> LoadedModel:
    return load(name, width=width, input_size=size)


if __name__ == "__main__":
    main()
