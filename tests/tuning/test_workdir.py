import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tuning.fakes import TARGET
from tvm_bnn.errors import UsageError
from tvm_bnn.targets import Target, load
from tvm_bnn.tuning.workdir import open_workdir

VERSIONS = {"tvm-bnn": "0.1", "tvm": "0.27"}
OTHER = load("x86-avx2")


def use(path: Path, target: Target = TARGET, versions: dict[str, str] | None = None, fresh: bool = False) -> None:
    with open_workdir(path, target, versions or VERSIONS, fresh=fresh) as work:
        work.records.mkdir(exist_ok=True)
        with work.journal.open("a") as file:
            file.write(f"{target.name}\n")


def contents(path: Path) -> dict[str, str]:
    return {str(p.relative_to(path)): p.read_text() for p in path.rglob("*") if p.is_file() and p.name != "lock"}


def test_made_where_needed_and_used_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "work"
    use(path)
    use(path)
    assert (path / "journal.jsonl").read_text() == f"{TARGET.name}\n" * 2
    identity = json.loads((path / "workdir.json").read_text())
    assert identity == {"schema_version": 1, "target": TARGET.name, "versions": VERSIONS}


@pytest.mark.parametrize("fresh", [False, True])
def test_a_second_tuner_is_kept_out(tmp_path: Path, fresh: bool) -> None:
    with open_workdir(tmp_path, TARGET, VERSIONS, fresh=False):
        before = contents(tmp_path)
        with pytest.raises(UsageError, match="in use") as error:
            use(tmp_path, fresh=fresh)
        assert error.value.hint
        assert contents(tmp_path) == before
    use(tmp_path)


def test_the_lock_of_a_process_that_died_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from tvm_bnn.targets import load; from tvm_bnn.tuning.workdir import open_workdir\n"
        f"open_workdir(pathlib.Path(sys.argv[1]), load({TARGET.name!r}), {VERSIONS}, fresh=False).__enter__()\n"
        "os._exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 7
    use(tmp_path)


def test_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file", tmp_path / "file" / "work", Path("/proc/tvm-bnn-work")):
        with pytest.raises(UsageError, match="writable work dir") as error:
            use(path)
        assert str(path) in error.value.message
    assert (tmp_path / "file").read_text() == "kept"


def test_of_another_target(tmp_path: Path) -> None:
    use(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=f"{TARGET.name}.*{OTHER.name}"):
        use(tmp_path, OTHER)
    assert contents(tmp_path) == before


def test_of_another_version(tmp_path: Path) -> None:
    use(tmp_path)
    with pytest.raises(UsageError, match=r"tvm-bnn 0\.1.*tvm-bnn 0\.2"):
        use(tmp_path, versions=VERSIONS | {"tvm-bnn": "0.2"})


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1, "target": 3}', "\x00"])
def test_an_identity_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    use(tmp_path)
    (tmp_path / "workdir.json").write_text(text)
    with pytest.raises(UsageError) as error:
        use(tmp_path)
    assert "--fresh" in (error.value.hint or "")
    use(tmp_path, fresh=True)
    assert (tmp_path / "before-1" / "workdir.json").read_text() == text


def test_fresh_moves_aside_and_deletes_nothing(tmp_path: Path) -> None:
    use(tmp_path)
    (tmp_path / "records" / "measured.jsonl").write_text("a record")
    first = contents(tmp_path)
    use(tmp_path, OTHER, fresh=True)
    second = {name: text for name, text in contents(tmp_path).items() if not name.startswith("before-")}
    assert (tmp_path / "journal.jsonl").read_text() == f"{OTHER.name}\n"
    assert contents(tmp_path / "before-1") == first
    use(tmp_path, fresh=True)
    assert contents(tmp_path / "before-1") == first
    assert contents(tmp_path / "before-2") == second


def test_fresh_where_there_is_nothing(tmp_path: Path) -> None:
    use(tmp_path, fresh=True)
    assert not list(tmp_path.glob("before-*"))
