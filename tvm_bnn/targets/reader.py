"""From target files to targets."""

import reprlib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tvm_bnn.errors import UsageError
from tvm_bnn.resources import data_root
from tvm_bnn.targets.model import Target, TargetFile


def read_target(path: Path) -> Target:
    """The target that the file at `path` describes.

    Raises:
        UsageError: unreadable, not TOML, or a field that is missing, unknown or wrong; names the file and the field.
    """
    try:
        target = TargetFile.model_validate(_parse(path)).target()
    except ValidationError as error:
        raise _field_error(path, error) from error
    if target.name != path.stem:
        raise UsageError(f"{path}: field 'name': expected '{path.stem}', got '{target.name}'", "name it like the file")
    return target


def read_all() -> dict[str, Target]:
    """Every shipped target by name, the most specific first.

    Raises:
        UsageError: one of the files is malformed.
        ToolchainError: the installation lacks the folder of targets.
    """
    found = [read_target(path) for path in sorted(data_root("targets").glob("*.toml"))]
    return {target.name: target for target in sorted(found, key=lambda target: (-target.rank, target.name))}


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: expected TOML, got: {error}", "correct the file") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}", "check the path") from error


def _field_error(path: Path, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    got = "" if first["type"] == "missing" else f", got {reprlib.repr(first['input'])}"
    return UsageError(f"{path}: field '{place}': {first['msg']}{got}", "compare with one of the shipped targets")
