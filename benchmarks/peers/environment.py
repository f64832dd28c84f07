"""Virtual environments of the peers: built once, apart from this engine's own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tvm_bnn.files import write_atomic

_READY = "peers.json"
_LISTING = "from importlib.metadata import distributions as d; print(*(f'{x.name}=={x.version}' for x in d()))"


@dataclass(frozen=True)
class Environment:
    """A Python with other engines.

    Attributes:
        python: the interpreter.
        versions: of the packages that were asked for, by name.
        absent: why a package that was asked for is not there, by name.
    """

    python: Path
    versions: dict[str, str]
    absent: dict[str, str]


def environment(folder: Path, requirements: Path) -> Environment:
    """The environment in ``folder`` with what ``requirements`` names, one exact version a line; built if need be.

    What cannot be installed is left out, with the reason.
    """
    wanted = read_requirements(requirements.read_text())
    digest = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()
    python, ready = folder / "bin" / "python", folder / _READY
    if ready.exists():
        found = json.loads(ready.read_text())
        if found.pop("digest") == digest:
            return Environment(python, **found)
    sys.stderr.write(f"installing into {folder}: {', '.join(wanted)}\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    absent = _install(python, wanted)
    built = Environment(python, _versions(python, wanted), absent)
    document = {"digest": digest, "versions": built.versions, "absent": built.absent}
    write_atomic(ready, json.dumps(document, indent=1) + "\n")
    return built


def read_requirements(text: str) -> list[str]:
    """The lines that name a package."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _install(python: Path, wanted: Sequence[str]) -> dict[str, str]:
    """Install all at once; where that fails one after the other, so that one may be missing without the rest."""
    if not _pip(python, wanted):
        return {}
    reasons = {line.partition("==")[0]: _pip(python, [line]) for line in wanted}
    return {name: reason for name, reason in reasons.items() if reason}


def _pip(python: Path, wanted: Sequence[str]) -> str:
    """Why it did not work, in one line; empty where it did."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return ""
    return pip_reason(done.stdout)


def pip_reason(output: str) -> str:
    """The line of pip's output that says why, without the program's own prefix."""
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    lines = errors or output.strip().splitlines() or ["pip failed"]
    return lines[-1].strip()[:200]


def _versions(python: Path, wanted: Sequence[str]) -> dict[str, str]:
    listed = subprocess.run([python, "-c", _LISTING], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    held = dict(line.split("==") for line in listed)
    names = [line.partition("==")[0] for line in wanted]
    return {name: held[name] for name in names if name in held}
