import json
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.mark.parametrize("kind", ["schedules", "targets"])
def test_data_travels_in_the_wheel(wheel: Path, kind: str) -> None:
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / kind).rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("tvm_bnn/_data/") for name in archive.namelist() if f"_data/{kind}/" in name}
    assert packed == expected


def test_wheel_finds_its_data_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = "from tvm_bnn import resources, targets; print(resources.PACKAGE, len(targets.names()))"
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    package, count = ran.stdout.split()
    assert Path(package) == tmp_path.resolve() / "tvm_bnn"
    assert int(count) == len(list((ROOT / "targets").glob("*.toml")))


def test_constraints_satisfy_the_project() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    wanted = [one for one in map(Requirement, texts) if one.name != project["name"]]
    assert [str(one) for one in wanted if not one.specifier.contains(pins[one.name])] == []


def test_whoever_develops_has_what_boards_need() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "tvm-bnn[rpi]" in extras["dev"]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scripts of an environment into which the wheel was installed; the large dependencies are borrowed from ours."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    (packages,) = place.glob("lib/python*/site-packages")
    # A path file inside a borrowed folder is not followed, so an editable install of ours stays out of sight.
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return place / "bin"


def test_the_installed_wheel_compiles_from_another_folder(installed: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        command = [str(installed / arguments[0]), *arguments[1:]]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    package = run("python", "-c", "import tvm_bnn; print(tvm_bnn.__file__)")
    assert Path(package).is_relative_to(installed.parent)
    run("tvm-bnn", "compile", "kitti-road", "--input-size", "64x96", "-o", "bundle")
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["target"]
