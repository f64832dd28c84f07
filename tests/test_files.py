import os
from pathlib import Path

import pytest

from tvm_bnn import files
from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic


def test_writes_bytes_and_text(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"\x00\xff")
    write_atomic(str(tmp_path / "b"), "é\r\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == "é\r\n".encode()


def test_makes_parents_and_leaves_nothing_aside(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x" / "y" / "z", "1")
    write_atomic(tmp_path / "x" / "y" / "z", "2")
    assert [path.name for path in (tmp_path / "x" / "y").iterdir()] == ["z"]
    assert (tmp_path / "x" / "y" / "z").read_text() == "2"


def test_new_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_atomic(tmp_path / "new", "1")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_keeps_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0o600)
    write_atomic(tmp_path / "a", "1")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomic(tmp_path / "link", "1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "1"


def test_long_name(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("n" * 255), "1")
    assert (tmp_path / ("n" * 255)).read_text() == "1"


def test_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(path: Path, content: bytes) -> None:
        path.write_bytes(content[:1])
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(files, "_write_through", full_disk)
    with pytest.raises(UsageError, match="No space left on device") as caught:
        write_atomic(tmp_path / "a", "new")
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="got a folder"):
        write_atomic(tmp_path, "1")


def test_refuses_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="got a device or a pipe"):
        write_atomic(tmp_path / "pipe", "1")


def test_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UsageError, match="cannot write"):
        write_atomic(tmp_path / "a" / "b", "1")
