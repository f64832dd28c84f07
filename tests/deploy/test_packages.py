import importlib.metadata
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tvm_bnn.deploy import packages
from tvm_bnn.deploy.packages import fetched_packages, for_architecture, installed_packages, packages_in
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.targets import host_architecture

STEMS = {name: f"{name.replace('-', '_')}-{importlib.metadata.version(name)}" for name in packages.PACKAGES}


def make_wheels(folder: Path, architecture: str = "aarch64") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, stem in STEMS.items():
        with zipfile.ZipFile(folder / f"{stem}-py3-none-manylinux_2_28_{architecture}.whl", "w") as wheel:
            wheel.writestr(f"{stem}.dist-info/RECORD", "")
            wheel.writestr("what.txt", f"{name} for {architecture}")
    return folder


def test_what_is_installed_here() -> None:
    found = installed_packages()
    names = found["apache-tvm-ffi"].names()
    assert "tvm_ffi/include/tvm/ffi/c_api.h" in names
    assert names == sorted(names)
    assert b"TVMFFIFunctionCall" in found["apache-tvm-ffi"].read("tvm_ffi/include/tvm/ffi/c_api.h")
    with pytest.raises(KeyError):
        found["apache-tvm"].read("nothing")


def test_wheels_of_the_architecture(tmp_path: Path) -> None:
    make_wheels(tmp_path)
    make_wheels(tmp_path, "x86_64")
    for architecture in ("aarch64", "x86_64"):
        assert (
            packages_in(tmp_path, architecture)["apache-tvm"].read("what.txt")
            == f"apache-tvm for {architecture}".encode()
        )
    with pytest.raises(KeyError):
        packages_in(tmp_path, "aarch64")["apache-tvm"].read("nothing")


def test_what_pip_has_unpacked(tmp_path: Path) -> None:
    for stem in STEMS.values():
        (tmp_path / f"{stem}.dist-info").mkdir()
        (tmp_path / f"{stem}.dist-info" / "RECORD").write_text("what.txt,sha256=x,4\n")
    (tmp_path / "what.txt").write_text("text")
    found = packages_in(tmp_path, "aarch64")["apache-tvm"]
    assert (found.names(), found.read("what.txt")) == (["what.txt"], b"text")


def test_missing_and_damaged_wheels_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--runtime-wheels: expected apache_tvm-.*-\*aarch64\.whl in .*, got none"):
        packages_in(tmp_path, "aarch64")
    make_wheels(tmp_path)
    next(tmp_path.glob("apache_tvm_ffi*")).write_bytes(b"cut")
    with pytest.raises(UsageError, match="expected a wheel, got a damaged file at"):
        packages_in(tmp_path, "aarch64")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What pip was told to fetch."""
    told: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        told.append(command)
        make_wheels(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", run)
    return told


def test_wheels_are_fetched_once(pip: list[list[str]], tmp_path: Path) -> None:
    lines: list[str] = []
    for _ in range(2):
        found = fetched_packages("aarch64", lines.append)
        assert found["apache-tvm"].read("what.txt") == b"apache-tvm for aarch64"
    ((*_, first, second),) = pip
    assert (first, second) == tuple(f"{name}=={importlib.metadata.version(name)}" for name in packages.PACKAGES)
    assert lines == [
        f"fetching TVM's runtime for aarch64 with pip, about 98 MB, into {tmp_path}/tvm-bnn/wheels/aarch64"
    ]


def test_pip_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told = "WARNING: slow\nERROR: no network\n"
    failed = subprocess.CompletedProcess([], 1, "", told)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ToolchainError, match="for aarch64, got: ERROR: no network") as caught:
        fetched_packages("aarch64", lambda line: None)
    assert "--runtime-wheels" in str(caught.value.hint)


def test_this_machine_needs_no_wheels(pip: list[list[str]], tmp_path: Path) -> None:
    assert "tvm_ffi/lib/libtvm_ffi.so" in for_architecture(host_architecture(), None)["apache-tvm-ffi"].names()
    make_wheels(tmp_path / "named")
    assert for_architecture("aarch64", tmp_path / "named")["apache-tvm"].read("what.txt")
    assert not pip
