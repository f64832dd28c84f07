import fcntl
from pathlib import Path

import pytest

from tvm_bnn.errors import UsageError
from tvm_bnn.training.folder import open_folder

NAMES = ("state.safetensors", "model.safetensors", "log.csv")


def fill(path: Path, names: tuple[str, ...] = NAMES) -> None:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).write_text(name)


def test_a_new_folder(tmp_path: Path) -> None:
    with open_folder(tmp_path / "a" / "b", fresh=False) as folder:
        assert folder.path.is_dir()
        assert [folder.state.name, folder.model.name, folder.log.name] == list(NAMES)


def test_a_run_of_before(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_folder(tmp_path, fresh=False) as folder:
        assert folder.state.read_text() == "state.safetensors"


def test_a_fresh_start_loses_nothing_and_leaves_other_files(tmp_path: Path) -> None:
    fill(tmp_path, (*NAMES, "notes.txt"))
    with open_folder(tmp_path, fresh=True):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["before-1", "lock", "notes.txt"]
    fill(tmp_path, ("log.csv",))
    with open_folder(tmp_path, fresh=True):
        assert (tmp_path / "before-2" / "log.csv").exists()
    assert all((tmp_path / "before-1" / name).read_text() == name for name in NAMES)


def test_a_fresh_start_in_a_fresh_folder(tmp_path: Path) -> None:
    with open_folder(tmp_path, fresh=True):
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize("name", ["model.safetensors", "log.csv"])
def test_files_of_others_are_not_written_over(tmp_path: Path, name: str) -> None:
    fill(tmp_path, (name,))
    with pytest.raises(UsageError, match=f"got {name} without a state"), open_folder(tmp_path, fresh=False):
        pass
    assert (tmp_path / name).read_text() == name


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="in use by another training run"), open_folder(tmp_path, fresh=False):
            pass


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match="expected a writable folder"), open_folder(tmp_path / "out", fresh=False):
        pass
