import os
from pathlib import Path

import pytest

from tvm_bnn.deploy.manifest import FORMAT
from tvm_bnn.deploy.place import aside, check_place
from tvm_bnn.errors import UsageError


def make_bundle(path: Path, library: str) -> Path:
    path.mkdir()
    (path / "manifest.json").write_text(f'{{"format": "{FORMAT}"}}')
    (path / "model.so").write_text(library)
    return path


def write(path: Path, library: str) -> None:
    with aside(path) as folder:
        (folder / "model.so").write_text(library)


def test_a_new_place_with_parents_to_make(tmp_path: Path) -> None:
    check_place(tmp_path / "a" / "b")
    write(tmp_path / "a" / "b", "new")
    assert (tmp_path / "a" / "b" / "model.so").read_text() == "new"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    place = tmp_path / "empty"
    place.mkdir()
    check_place(place)
    write(place, "new")
    assert (place / "model.so").read_text() == "new"


def test_a_bundle_is_replaced_and_nothing_else_stays(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "old")
    check_place(bundle)
    write(bundle, "new")
    assert (bundle / "model.so").read_text() == "new"
    assert not (bundle / "manifest.json").exists()
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_link_to_a_bundle_is_followed(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "old")
    (tmp_path / "link").symlink_to(bundle)
    check_place(tmp_path / "link")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (bundle / "model.so").read_text() == "new"


def test_other_things_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="expected a new folder or a bundle to replace, got a file"):
        check_place(tmp_path / "file")
    with pytest.raises(UsageError, match="got a folder of something else"):
        check_place(tmp_path)


def test_files_that_someone_put_into_a_bundle_are_not_lost(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "old")
    (bundle / "overlay.png").write_text("mine")
    with pytest.raises(UsageError, match=r"also holds overlay\.png, which would be lost"):
        check_place(bundle)


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write '.*file/bundle'"):
        check_place(tmp_path / "file" / "bundle")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="its folder is not writable"):
        check_place(tmp_path / "bundle")


def test_a_failure_leaves_the_old_one(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "old")

    def fail() -> None:
        with aside(bundle):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (bundle / "model.so").read_text() == "old"
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_failure_in_the_exchange_brings_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle(tmp_path / "bundle", "old")
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if self.suffix == ".new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OSError, match="No space left"):
        write(bundle, "new")
    assert (bundle / "model.so").read_text() == "old"
    assert os.listdir(tmp_path) == ["bundle"]


def test_many_files_are_counted(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "old")
    for number in range(5):
        (bundle / f"{number}.png").write_text("mine")
    with pytest.raises(UsageError, match=r"also holds 0\.png, 1\.png, 2\.png and 2 more, which"):
        check_place(bundle)
