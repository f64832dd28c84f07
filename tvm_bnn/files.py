"""Files that are either the old ones or the new ones, never half of either."""

import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tvm_bnn.errors import UsageError


def write_atomic(path: Path | str, data: bytes | str) -> None:
    """Replace the file at `path` by one that holds `data`, durably, or leave it as it was.

    Missing parent folders are made, a symbolic link is followed, an existing file keeps its permissions.

    Args:
        path: where to write.
        data: the whole contents; text is encoded as UTF-8 with its line ends as they are.

    Raises:
        UsageError: the place cannot be written, or something other than a file is there.
    """
    content = data.encode() if isinstance(data, str) else data
    place = Path(os.path.realpath(path))
    # Replacing a device or a pipe by a file would break it for everyone else on the machine.
    if place.exists() and not place.is_file():
        what = "a folder" if place.is_dir() else "a device or a pipe"
        raise UsageError(f"expected a file to write, got {what} at '{path}'", "name a file")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _replace(place, content)
    except OSError as error:
        raise UsageError(
            f"cannot write '{path}': {error.strerror or error}", "choose a writable place with enough free space"
        ) from error


def keep_beside(path: Path, lines: Sequence[bytes]) -> None:
    """Add lines that cannot be used to the file of the same name that ends in ``.damaged``; nothing is lost.

    Raises:
        UsageError: that file cannot be read or written.
    """
    beside = path.with_suffix(".damaged")
    try:
        before = beside.read_bytes() if beside.exists() else b""
    except OSError as error:
        raise UsageError(f"cannot read '{beside}': {error.strerror}", "check its rights") from error
    write_atomic(beside, before + b"".join(line + b"\n" for line in lines))


def _replace(place: Path, content: bytes) -> None:
    aside = place.with_name(f".tvm-bnn-{os.getpid()}-{secrets.token_hex(6)}.tmp")
    try:
        _write_through(aside, content)
        if place.exists():
            aside.chmod(stat.S_IMODE(place.stat().st_mode))
        os.replace(aside, place)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    # The new name itself is only durable once its folder is.
    flush(place.parent)


def _write_through(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk; some file systems cannot promise that."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
