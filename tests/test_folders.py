import errno
import fcntl
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.folders import Purpose, lock_folder, move_aside

PURPOSE = Purpose("box", "game", "--box")


def entries(path: Path) -> list[str]:
    return sorted(str(entry.relative_to(path)) for entry in path.rglob("*") if entry.is_file())


def test_made_where_needed_and_locked_for_as_long_as_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    with lock_folder(path, PURPOSE):
        with pytest.raises(UsageError, match=f"^box '{path}' is in use by another game$") as caught:
            lock_folder(path, PURPOSE).__enter__()
        assert caught.value.hint == "wait for it, or name another with --box"
    with lock_folder(path, PURPOSE):
        assert entries(path) == ["lock"]


def test_a_failure_inside_frees_it(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock_folder(tmp_path, PURPOSE):
        raise KeyError
    with lock_folder(tmp_path, PURPOSE):
        pass


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UsageError, match=r"expected a writable box, got .*file': File exists") as caught:
        lock_folder(tmp_path / "file", PURPOSE).__enter__()
    assert caught.value.hint == "name another with --box"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_file_system_that_cannot_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UsageError, match=f"^cannot lock box '{tmp_path}': No locks available$") as caught:
        lock_folder(tmp_path, PURPOSE).__enter__()
    assert caught.value.hint == "name one on a local disk with --box"


def test_files_are_numbered_out_of_the_way(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / "a").write_text(content)
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "c").write_text(content)
        (tmp_path / "others").write_text("stays")
        move_aside(tmp_path, [tmp_path / "a", tmp_path / "b"], PURPOSE)
    assert entries(tmp_path) == ["before-1/a", "before-1/b/c", "before-2/a", "before-2/b/c", "others"]
    assert (tmp_path / "before-1" / "a").read_text() == "first"


def test_without_files_nothing_happens(tmp_path: Path) -> None:
    move_aside(tmp_path, [], PURPOSE)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_moved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"cannot move what '{tmp_path}' holds aside: No such file") as caught:
        move_aside(tmp_path, [tmp_path / "gone"], PURPOSE)
    assert caught.value.hint == "name another with --box"
