"""The manifest of a bundle: what it is, what it needs, what goes in and what comes out."""

from __future__ import annotations

import hashlib
import json
import reprlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tvm_bnn.errors import UsageError

FORMAT: Final = "tvm-bnn bundle"
SCHEMA_VERSION = 3
MANIFEST = "manifest.json"
LIBRARY = "model.so"
README = "README.md"
RUNTIME = "runtime"
"""The folder of TVM's runtime libraries, in a bundle that brings them."""
NATIVE = "native"
"""The folder of the C interface, likewise."""

_COMPILE_ONE = "give a folder that `tvm-bnn compile` wrote"
_Byte = Annotated[int, Field(ge=0, le=255)]
_Positive = Annotated[int, Field(ge=1)]
_Count = Annotated[int, Field(ge=0)]
# No part begins with a dot, so no name leads out of the bundle.
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$")]


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


class Sizes(_Part):
    """What the library is made of, in bytes.

    Attributes:
        code: machine instructions.
        weights: all parameters, in the layouts of the lowerings.
        information: what the parameters are: 1 bit a binary weight, the others in their own widths, each once.
        binary: the share of the binary weights in that.
    """

    code: _Count
    weights: _Count
    information: _Count
    binary: _Count


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
        architecture: instruction set of the library, such as `x86_64`.
        requires: CPU flags, as Linux spells them.
        gpu: compute capability that the kernels are for, such as `sm_90`; None where they run on the CPU.
        amx_tiles: whether an operator uses AMX tiles, for which a process needs Linux's permission.
        input_size: (height, width) of the network's picture.
        threads: that the code was arranged for.
        libraries: of TVM's runtime, which have to be loaded first, in this order.
        files: everything of the bundle but this manifest and the README, by name.
        trained: False where the weights are random.
        trained_on: in a few words, where it is known.
        schedules: how many operators are tuned, transferred, default or fallback.
        evidence: how many operators rest on measured or estimated records, or on none.
    """

    format: Literal["tvm-bnn bundle"] = FORMAT
    schema_version: Literal[3] = 3
    name: str
    width: str
    input_size: tuple[_Positive, _Positive]
    trained: bool
    trained_on: str
    target: str
    architecture: str
    requires: tuple[str, ...]
    gpu: str | None = None
    amx_tiles: bool
    threads: _Positive
    versions: dict[str, str]
    libraries: tuple[_FileName, ...]
    input: TensorContract
    output: TensorContract
    classes: tuple[ClassEntry, ...]
    files: dict[_FileName, FileEntry]
    sizes: Sizes
    schedules: dict[str, int]
    evidence: dict[str, int]
    operators: tuple[OperatorEntry, ...]

    @model_validator(mode="after")
    def _library_has_a_checksum(self) -> Self:
        if LIBRARY not in self.files:
            raise ValueError(f"files: expected {LIBRARY} among them, got {', '.join(self.files) or 'none'}")
        return self

    @property
    def brings_runtime(self) -> bool:
        """Whether TVM's runtime libraries are in the bundle."""
        return all(f"{RUNTIME}/{name}" in self.files for name in self.libraries)

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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def names_of_files(path: Path) -> frozenset[str]:
    """The files that the manifest of a bundle of any version names."""
    files = _parse(path).get("files")
    return frozenset(files) if isinstance(files, dict) else frozenset()


def read_manifest(path: Path) -> Manifest:
    """The manifest of the bundle in a folder; its files are not looked at.

    Raises:
        UsageError: not a bundle, of another schema version, or a field that is wrong.
    """
    if not is_bundle(path):
        raise UsageError(f"expected a bundle, got {_what(path)} at '{path}'", _COMPILE_ONE)
    _check_version(path, _parse(path).get("schema_version"))
    try:
        return Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        told = first["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"bundle '{path}': {MANIFEST}: {place}: {told}" if place else f"bundle '{path}': {MANIFEST}: {told}",
            "compile it again",
        ) from error


def _what(path: Path) -> str:
    """What is there instead of a bundle."""
    if not path.is_dir():
        return "a file" if path.exists() else "no folder"
    if not (path / MANIFEST).is_file():
        return "a folder without the manifest of one"
    return f"a folder whose {MANIFEST} is damaged or of something else"


def _check_version(path: Path, version: object) -> None:
    if version == SCHEMA_VERSION:
        return
    newer = isinstance(version, int) and version > SCHEMA_VERSION
    raise UsageError(
        f"bundle '{path}': expected schema version {SCHEMA_VERSION}, got {reprlib.repr(version)}",
        "it is of a newer tvm-bnn: install that" if newer else "compile it again with this version of tvm-bnn",
    )


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
