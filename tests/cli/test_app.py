import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tvm_bnn import __version__, targets
from tvm_bnn.cli.app import COMMANDS
from tvm_bnn.errors import NoCandidateError, NumericsError, ToolchainError, TvmBnnError, UsageError

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "tvm_bnn.cli"]


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let ``tvm-bnn targets`` fail."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(targets, "names", fail)


def test_help_names_every_command(cli: Cli) -> None:
    code, out, err = cli("--help")
    assert (code, err) == (0, "")
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_in_plain_lines(cli: Cli, command: str) -> None:
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: tvm-bnn {command}")
    assert out.isascii()


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"tvm-bnn {__version__}\n", "")


def test_nothing_at_all_is_a_usage_error_with_the_help(cli: Cli) -> None:
    code, out, _ = cli()
    assert code == 2
    assert out.startswith("Usage: tvm-bnn")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["profil"], "No such command 'profil'. Did you mean 'profile'?"),
        (["targets", "--nope"], "No such option: --nope"),
        (["targets", "--format", "yaml"], "Invalid value for '--format': 'yaml' is not one of 'table', 'json', 'csv'."),
        (["profile", "--width", "XL"], "Invalid value for '--width': 'XL' is not one of 'S', 'M', 'L'."),
        (["profile", "--threads", "0"], "--threads: expected 1 or more, got 0"),
        (["profile", "--seed", "-1"], "--seed: expected 0 or more, got -1"),
        (["profile", "--repeat", "0"], "--repeat: expected 1 or more, got 0"),
        (["profile", "--warmup", "-1"], "--warmup: expected 0 or more, got -1"),
        (["compile"], "Missing option '-o' / '--output'."),
        (["inspect"], "Missing argument 'BUNDLE'."),
    ],
)
def test_usage_errors_are_one_line_and_a_hint(cli: Cli, arguments: list[str], message: str) -> None:
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    line, hint = err.splitlines()
    assert line == f"tvm-bnn: error: {message}"
    assert hint.startswith("hint: ")


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError, 2), (NoCandidateError, 3), (ToolchainError, 4), (NumericsError, 5)],
)
def test_errors_carry_their_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: type[TvmBnnError], code: int
) -> None:
    fail_with(monkeypatch, error("expected this,\n  got that", "do this"))
    assert cli("targets") == (code, "", "tvm-bnn: error: expected this, got that\nhint: do this\n")


def test_an_error_without_a_hint(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, UsageError("wrong"))
    assert cli("targets").err == "tvm-bnn: error: wrong\n"


def test_a_defect_is_one_line_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ZeroDivisionError("oh"))
    code, _, err = cli("targets")
    assert code == 1
    assert err == "tvm-bnn: error: internal error: ZeroDivisionError: oh\nhint: run with --debug and report it\n"


@pytest.mark.parametrize("arguments", [["--debug", "targets"], ["targets", "--debug"]])
def test_debug_shows_where_it_happened(cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    fail_with(monkeypatch, UsageError("wrong"))
    code, _, err = cli(*arguments)
    assert code == 2
    assert "Traceback" in err
    assert "in fail" in err
    assert err.endswith("tvm-bnn: error: wrong\n")


def test_debug_behind_two_dashes_is_an_argument(cli: Cli) -> None:
    assert "no folder at '--debug'" in cli("inspect", "--", "--debug").err


def test_interrupted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert cli("targets") == (130, "", "")


def test_libraries_are_quiet_only_while_a_command_runs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def tell() -> list[str]:
        warnings.warn("for developers", FutureWarning, stacklevel=1)
        logging.getLogger("library").warning("for developers")
        told.append(os.environ["PYTHONWARNINGS"])
        return []

    monkeypatch.setattr(targets, "names", tell)
    monkeypatch.setenv("PYTHONWARNINGS", "default")
    assert cli("targets").err == ""
    assert told == ["ignore"]
    assert (os.environ["PYTHONWARNINGS"], logging.root.manager.disable) == ("default", logging.NOTSET)
    with pytest.warns(FutureWarning, match="for developers"):
        cli("targets", "--debug")


def test_the_help_waits_for_no_heavy_module() -> None:
    script = "import sys; from tvm_bnn.cli import main; main(['--help']); print(*sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ran.stdout.split())
    assert "tvm_bnn.cli.profile" in loaded
    assert loaded & {"numpy", "tvm", "tvm_ffi", "torch", "PIL", "matplotlib", "xgboost", "scipy"} == set()


def test_as_a_program() -> None:
    ran = subprocess.run([*PROGRAM, "targets", "--format", "csv"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.startswith("name,kind,")
    assert ran.stderr == ""
    assert subprocess.run([*PROGRAM, "nonsense"], capture_output=True, check=False, cwd=ROOT).returncode == 2


def test_a_reader_that_leaves_is_no_error() -> None:
    command = " ".join(PROGRAM) + " targets --format json | head -c 1"
    ran = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, check=False, cwd=ROOT
    )
    # The program may have written all of it before the reader left.
    assert ran.returncode in (0, 141)
    assert ran.stderr == b""


def test_closed_output(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (BrokenPipeError(), SystemExit(1)):
        fail_with(monkeypatch, error)
        monkeypatch.setattr(os, "dup2", lambda *_: None)
        monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
        assert cli("targets") == (141, "", "")


def test_a_name_that_is_too_long_is_the_users_error(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("inspect", tmp_path / ("x" * 300))
    assert (code, out) == (2, "")
    assert err.startswith("tvm-bnn: error: File name too long: '")
    assert err.splitlines()[1] == "hint: name a shorter one"


def test_what_is_no_text_is_shown_as_escapes(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, UsageError(f"expected another, got '{os.fsdecode(bytes([255]))}'", "no"))
    code, _, err = cli("targets")
    assert code == 2
    assert r"got '\udcff'" in err
