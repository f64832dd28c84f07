import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.deploy.manifest import FORMAT, SCHEMA_VERSION, is_bundle, read_manifest, verify_files
from tvm_bnn.errors import UsageError


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


def change(bundle: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads((bundle / "manifest.json").read_text())
    edit(data)
    (bundle / "manifest.json").write_text(json.dumps(data))


def test_reads_what_was_written(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.to_json() == (bundle / "manifest.json").read_text()
    verify_files(bundle, manifest)


BROKEN: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda data: data.pop("target"), "target: Field required"),
    (lambda data: data.update(extra=1), "extra: Extra inputs are not permitted"),
    (lambda data: data.update(threads="2"), "threads: Input should be a valid integer"),
    (lambda data: data.update(threads=0), "threads: .*greater than or equal to 1"),
    (lambda data: data["classes"][0].update(color=[0, 0, 256]), "classes.0.color.2"),
    (lambda data: data["files"]["model.so"].update(sha256="x"), "files.model.so.sha256"),
    (lambda data: data.update(schema_version=4), "expected schema version 3, got 4"),
    (lambda data: data.pop("schema_version"), "expected schema version 3, got None"),
    (lambda data: data["files"].pop("model.so"), "files: expected model.so among them, got none"),
    (lambda data: data["files"].update({"../model.so": data["files"]["model.so"]}), r"files\.\.\./model\.so"),
    (lambda data: data["files"].update({"/model.so": data["files"]["model.so"]}), "files./model.so"),
]


@pytest.mark.parametrize(("edit", "message"), BROKEN)
def test_wrong_fields_are_named(bundle: Path, edit: Callable[[dict[str, Any]], Any], message: str) -> None:
    change(bundle, edit)
    with pytest.raises(UsageError, match=message):
        read_manifest(bundle)


def at_version(version: int, data: dict[str, Any]) -> None:
    data["schema_version"] = version


def test_the_hint_tells_newer_from_older(bundle: Path) -> None:
    for version, hint in ((1, "compile it again with this version"), (SCHEMA_VERSION + 1, "of a newer tvm-bnn")):
        change(bundle, functools.partial(at_version, version))
        with pytest.raises(UsageError) as caught:
            read_manifest(bundle)
        assert hint in str(caught.value.hint)


def test_what_is_not_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, what in (("nowhere", "no folder"), ("file", "a file"), ("", "a folder without the manifest")):
        with pytest.raises(UsageError, match=f"expected a bundle, got {what}"):
            read_manifest(tmp_path / place)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "[" * 100_000, '"text"', '{"format": "other"}', '{"format": "tvm-bnn bu', "\xff"]
)
def test_what_has_another_manifest_is_no_bundle(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content.encode("latin-1"))
    assert not is_bundle(tmp_path)
    with pytest.raises(UsageError, match=r"got a folder whose manifest\.json is damaged or of something else"):
        read_manifest(tmp_path)


def test_a_damaged_bundle_is_still_one(bundle: Path) -> None:
    (bundle / "manifest.json").write_text(json.dumps({"format": FORMAT}))
    assert is_bundle(bundle)


@pytest.mark.parametrize("content", [None, b"", b"not a library"])
def test_changed_files_are_named(bundle: Path, content: bytes | None) -> None:
    manifest, library = read_manifest(bundle), bundle / "model.so"
    library.unlink()
    if content is not None:
        library.write_bytes(content)
    with pytest.raises(UsageError, match=r"model\.so"):
        verify_files(bundle, manifest)


def test_one_flipped_bit_is_noticed(bundle: Path) -> None:
    library = bundle / "model.so"
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    library.write_bytes(content)
    with pytest.raises(UsageError, match=r"model\.so: expected \d+ bytes with SHA-256 \w{12}, got \d+ with \w{12}"):
        verify_files(bundle, read_manifest(bundle))
