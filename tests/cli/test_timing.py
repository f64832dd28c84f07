from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("profile", "target h200: expected an NVIDIA GPU and its driver, got none"),
        ("report", "target h200: expected an NVIDIA GPU and its driver, got none"),
        ("verify", "expected a CPU target, got h200, a GPU"),
    ],
)
def test_nothing_tells_times_of_a_gpu_here(cli: Cli, tmp_path: Path, command: str, message: str) -> None:
    output = ("-o", str(tmp_path / "pages")) if command == "report" else ()
    code, out, err = cli(command, MODEL, "--target", "h200", *output)
    assert (code, out) == (4, "")
    assert message in err
    assert len(err.splitlines()) == 3
    assert "measuring" not in err
    assert not (tmp_path / "pages").exists()


@pytest.mark.parametrize(("name", "hint"), [("h200", "--runner offline"), ("cuda", "--target h200")])
def test_a_gpu_is_not_tuned_without_one(cli: Cli, tmp_path: Path, name: str, hint: str) -> None:
    code, out, err = cli("tune", MODEL, "--target", name, "--trials", "4", "--work-dir", str(tmp_path / "work"))
    assert (code, out) == (4, "")
    assert "expected an NVIDIA GPU and its driver, got none" in err
    assert hint in err


@pytest.mark.parametrize("command", ["profile", "report"])
def test_a_boards_code_is_not_measured_on_this_host(cli: Cli, tmp_path: Path, command: str) -> None:
    output = ("-o", str(tmp_path / "pages")) if command == "report" else ()
    code, out, err = cli(command, MODEL, "--target", "rpi4", "--runner", "local", *output)
    assert (code, out) == (4, "")
    assert "target rpi4: expected an aarch64 CPU" in err
    assert "measuring" not in err
