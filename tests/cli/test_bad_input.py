"""What a user may get wrong in any command that compiles: one line, a hint, and exit code 2."""

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tvm_bnn.targets import names


@pytest.fixture(params=["profile", "compile"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    return ["profile"] if request.param == "profile" else ["compile", "-o", str(tmp_path / "bundle")]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--target", "x86-avx51"], "expected the name of a target, got 'x86-avx51'", "did you mean 'x86-avx512'?"),
        (
            ["--target", "gpu"],
            "expected the name of a target, got 'gpu'",
            f"choose from: cpu, cuda, {', '.join(names())}",
        ),
        (["kitty-road"], "got 'kitty-road'", "did you mean 'kitti-road'?"),
        (
            ["kitti-road", "--input-size", "65x96"],
            "expected multiples of 32, got 65x96",
            "sizes that work: height 64 or 96",
        ),
        (["kitti-road", "--input-size", "64x1"], "expected multiples of 32, got 64x1", "sizes that work: width 32"),
        (["kitti-road", "--input-size", "big"], "--input-size: expected HxW, got 'big'", "for example"),
        (["nowhere.safetensors"], "got no file at 'nowhere.safetensors'", "give a .safetensors file or a preset"),
        (["no.such.module:network"], "got 'no.such.module:network'", "check the spelling"),
        (["tests.tiny:missing"], "got 'tests.tiny:missing'", "check the spelling"),
        (["tests.tiny:unsupported"], "cannot freeze Unsupported: ", "no decisions by values or sizes"),
        (["tests.tiny:network", "--input-size", "18x24"], "expected multiples of 4, got 18x24", "height 16 or 20"),
        (
            ["tests.tiny:network", "--records", "nowhere"],
            "--records: expected a folder, got none at 'nowhere'",
            "check",
        ),
        (["tests.tiny:network", "--work-dir", "nowhere"], "--work-dir: expected a folder, got none", "check"),
    ],
)
def test_refused(cli: Cli, command: list[str], arguments: list[str], message: str, hint: str, tmp_path: Path) -> None:
    code, out, err = cli(*command, *arguments)
    assert (code, out) == (2, "")
    line, advice = err.splitlines()[-2:]
    assert line.startswith("tvm-bnn: error: ")
    assert message in line
    assert advice.startswith("hint: ")
    assert hint in advice
    assert not (tmp_path / "bundle").exists()
