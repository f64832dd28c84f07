"""The manifest of a bundle: what it is, what it needs, what goes in and what comes out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tvm_bnn.errors import UsageError

FORMAT: Final = "tvm-bnn bundle"
SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
LIBRARY = "model.so"
README = "README.md"

_COMPILE_ONE = "give a folder that `tvm-bnn compile` wrote"
_Byte = Annotated[int, Field(ge=0, le=255)]
_Positive = Annotated[int, Field(ge=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TensorContract(_Part):
    """A tensor that goes in or comes out; ``layout`` names its axes."""

    shape: tuple[_Positive, ...]
    dtype: str
    layout: str


class ClassEntry(_Part):
    """A class, by label; ``color`` is red, green and blue."""

    name: str
    color: tuple[_Byte, _Byte, _Byte]


class FileEntry(_Part):
    """A file of the bundle."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: _Positive


class OperatorEntry(_Part):
    """An operator, in the order of execution; ``evidence`` is that of its record, None without one."""

    name: str
    kind: str
    shape: str
    lowering: str
    schedule: str
    evidence: str | None


class Manifest(_Part):
    """Everything that whoever runs a bundle has to know.

    Attributes:
        requires: CPU flags, as Linux spells them.
        amx_tiles: whether an operator uses AMX tiles, for which a process needs Linux's permission.
        input_size: (height, width) of the network's picture.
        threads: that the code was arranged for.
        trained: False where the weights are random.
        schedules: how many operators are tuned, transferred, default or fallback.
        evidence: how many operators rest on measured or estimated records, or on none.
    """

    format: Literal["tvm-bnn bundle"] = FORMAT
    schema_version: Literal[1] = 1
    name: str
    width: str
    input_size: tuple[_Positive, _Positive]
    trained: bool
    target: str
    requires: tuple[str, ...]
    amx_tiles: bool = False
    threads: _Positive
    versions: dict[str, str]
    input: TensorContract
    output: TensorContract
    classes: tuple[ClassEntry, ...]
    files: dict[str, FileEntry]
    schedules: dict[str, int]
    evidence: dict[str, int]
    operators: tuple[OperatorEntry, ...]

    def to_json(self) -> str:
        """The text of ``manifest.json``; equal manifests give equal bytes."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


def file_entry(path: Path) -> FileEntry:
    """Checksum and size of a file."""
    content = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def is_bundle(path: Path) -> bool:
    """Whether a folder holds a bundle of any version, damaged or not."""
    try:
        return _parse(path)["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        return False


def read_manifest(path: Path) -> Manifest:
    """The manifest of the bundle in a folder; its files are not looked at.

    Raises:
        UsageError: not a bundle, of another schema version, or a field that is wrong.
    """
    if not is_bundle(path):
        what = "no folder" if not path.is_dir() else "a folder without the manifest of one"
        raise UsageError(f"expected a bundle, got {what} at '{path}'", _COMPILE_ONE)
    data = _parse(path)
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"bundle '{path}': expected schema version {SCHEMA_VERSION}, got {version!r}",
            "compile it again with this version of tvm-bnn",
        )
    try:
        return Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"bundle '{path}': {MANIFEST}: {place}: {first['msg']}", "compile it again") from error


def verify_files(path: Path, manifest: Manifest) -> None:
    """Compare every file of a bundle with its checksum.

    Raises:
        UsageError: one is missing or is not the one that was written.
    """
    for name, expected in manifest.files.items():
        try:
            found = file_entry(path / name)
        except (OSError, ValueError) as error:
            raise UsageError(f"bundle '{path}': cannot read {name}: {_reason(error)}", "copy it again whole") from error
        if found != expected:
            raise UsageError(
                f"bundle '{path}': {name}: expected {expected.size} bytes with SHA-256 {expected.sha256[:12]}, "
                f"got {found.size} with {found.sha256[:12]}",
                "it is damaged or was changed: copy it again whole, or compile it again",
            )


def _parse(path: Path) -> Any:
    return json.loads((path / MANIFEST).read_text(encoding="utf-8"))


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is empty"
