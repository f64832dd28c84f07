import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.reporting.profiles import estimated, measured
from tests.tiny import MODEL
from tvm_bnn.targets import resolve_host


@pytest.fixture
def profiles(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, profile in zip(paths, (measured(), estimated()), strict=True):
        path.write_text(profile.model_copy(update={"model": "someone"}).model_dump_json())
    return paths


def test_profiles_that_exist_are_not_made_again(cli: Cli, profiles: list[Path], tmp_path: Path) -> None:
    """As an option, or as a pattern of the shell gives them."""
    code, out, err = cli("report", "--profile", *profiles, "-o", tmp_path / "report")
    assert (code, err) == (0, "")
    pages = [Path(line).relative_to(tmp_path / "report").as_posix() for line in out.splitlines()]
    assert pages == ["index.html", "x86-avx512/index.html", "rpi4/index.html"]
    assert all((tmp_path / "report" / page).is_file() for page in pages)
    document = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [chapter["kernels"] for chapter in document["chapters"]] == [[], []]


def test_a_model_is_profiled(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli(*("report", MODEL, "--threads", 1, "--warmup", 0, "--repeat", 2, "-o", tmp_path / "report"))
    assert code == 0
    assert "measuring" in err
    (chapter,) = json.loads((tmp_path / "report" / "report.json").read_text())["chapters"]
    assert (chapter["profile"]["model"], chapter["profile"]["target"]) == (MODEL, resolve_host().name)
    assert chapter["memory_bytes"].keys() == {"stem.0", "conv", "head", "scores"}
    kernels = {name: kernel for kernel in chapter["kernels"] for name in kernel["operators"]}
    assert kernels.keys() == {"stem.0", "conv", "head", "scores"}
    assert kernels["conv"]["instructions"]
    page = (tmp_path / "report" / resolve_host().name / "index.html").read_text()
    assert "sch.get_loops" in page
    assert chapter["verification"] is None


def test_a_verification_without_its_profile_is_named(cli: Cli, profiles: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "verification.json"
    empty = {"model": "x", "width": "S", "input_size": [32, 32], "target": "rpi4", "threads": 1}
    path.write_text(json.dumps({**empty, "attention": [], "passed": True}))
    code, _, err = cli("report", profiles[0], "--verification", path, "-o", tmp_path / "report")
    assert code == 0
    assert "a verification of x S 32x32 on rpi4 has no profile beside it and is not used" in err


def test_bad_files(cli: Cli, profiles: list[Path], tmp_path: Path) -> None:
    assert cli("report", tmp_path / "none.json", "-o", tmp_path / "report").code == 2
    profiles[0].write_text("{}")
    code, _, err = cli("report", profiles[0], "-o", tmp_path / "report")
    assert code == 2
    assert "expected a profile" in err
    assert not (tmp_path / "report").exists()
