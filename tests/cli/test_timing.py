from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL


@pytest.mark.parametrize("command", ["profile", "verify", "report"])
def test_nothing_tells_times_of_a_gpu_here(cli: Cli, tmp_path: Path, command: str) -> None:
    output = ("-o", str(tmp_path / "pages")) if command == "report" else ()
    code, out, err = cli(command, MODEL, "--target", "h200", *output)
    assert (code, out) == (4, "")
    assert "expected a CPU target to run here, got one for an NVIDIA GPU" in err
    assert "measuring" not in err
    assert not (tmp_path / "pages").exists()


@pytest.mark.parametrize("command", ["profile", "report"])
def test_a_boards_code_is_not_measured_on_this_host(cli: Cli, tmp_path: Path, command: str) -> None:
    output = ("-o", str(tmp_path / "pages")) if command == "report" else ()
    code, out, err = cli(command, MODEL, "--target", "rpi4", "--runner", "local", *output)
    assert (code, out) == (4, "")
    assert "target rpi4: expected an aarch64 CPU" in err
    assert "measuring" not in err
