"""Where a bundle goes: a folder that is either the old one or the new one, and never something else's."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tvm_bnn.deploy.manifest import LIBRARY, MANIFEST, README, is_bundle, names_of_files
from tvm_bnn.errors import UsageError
from tvm_bnn.files import flush

_FEW = 3


def check_place(path: Path) -> None:
    """See that a bundle may be written to ``path``: nothing is there, an empty folder, or an older bundle alone.

    Missing parent folders are made.

    Raises:
        UsageError: something else is there and would be lost, or the place cannot be written.
    """
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        _check_replaceable(path)
    parent = Path(os.path.realpath(path)).parent
    with written(path):
        parent.mkdir(parents=True, exist_ok=True)
        if not os.access(parent, os.W_OK | os.X_OK):
            raise PermissionError(None, "its folder is not writable")


def _check_replaceable(path: Path) -> None:
    if not is_bundle(path):
        what = "a folder of something else" if path.is_dir() else "a file"
        raise UsageError(f"expected a new folder or a bundle to replace, got {what} at '{path}'", "choose another name")
    own = {LIBRARY, MANIFEST, README, *names_of_files(path)}
    found = (entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_symlink() or entry.is_file())
    others = sorted(name for name in found if name not in own)
    if others:
        listed = ", ".join(others[:_FEW]) + (f" and {len(others) - _FEW} more" if len(others) > _FEW else "")
        raise UsageError(
            f"bundle '{path}' also holds {listed}, which would be lost",
            "move that away, or choose a new name",
        )


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Report the system's refusal to write to ``path`` as an error of the user's."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write '{path}': {error.strerror or error}", "choose a writable place with enough free space"
        ) from error


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A folder beside ``path`` that takes its name when all went well, and vanishes otherwise."""
    place = Path(os.path.realpath(path))
    stem = f".tvm-bnn-{os.getpid()}-{secrets.token_hex(6)}"
    new, old = place.with_name(f"{stem}.new"), place.with_name(f"{stem}.old")
    new.mkdir()
    try:
        yield new
        _exchange(new, place, old)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchange(new: Path, place: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except BaseException:
        if old.exists():
            old.rename(place)
        raise
    flush(place.parent)
