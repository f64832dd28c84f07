"""Every command of the documentation: run at a reduced size, or at least understood by the program.

Each document is followed from its beginning to its end in an empty folder. Presets become a network of four operators,
so do checkpoints where they are compiled; the tuner's times are made up; what is compiled is compiled once; and options
are added that make a command short. Nothing else of a command is changed.
"""

from __future__ import annotations

import importlib.util
import re
import runpy
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import typer.main
from PIL import Image

from tests.cli.conftest import Cli, cli
from tests.cli.test_train import FewScenes
from tests.cli.test_tune import FakeRunner
from tests.docs.commands import DOCUMENTS, PROGRAM, ROOT, Command, blocks, commands, mentioned, others, shown, text_of
from tests.tiny import MODEL as TINY
from tests.verification.nets import MODEL as ATTENTIVE
from tvm_bnn.cli import app
from tvm_bnn.data.datasets import DATA_SETS
from tvm_bnn.errors import NumericsError, TvmBnnError
from tvm_bnn.graph import phases
from tvm_bnn.graph.choose import Chooser
from tvm_bnn.graph.phases import Compiled, compile_network
from tvm_bnn.models import config
from tvm_bnn.models.config import Width
from tvm_bnn.models.presets import PRESETS
from tvm_bnn.nn import IntegerNetwork
from tvm_bnn.targets import Target
from tvm_bnn.training.evaluation import torch_threads
from tvm_bnn.tuning import runners
from tvm_bnn.verification import yardstick
from tvm_bnn.verification.yardstick import Timings

__all__ = ["cli"]

NOT_RUN = {
    "--root": "needs published data",
    "--rpc-tracker": "needs a board and a tracker",
    "--target cuda": "needs a GPU",
    "--target h200 -o": "needs NVIDIA's compiler",
    "--target h200 --runner offline": "needs NVIDIA's compiler, and results of a GPU",
    "--target rpi4": "emulates every kernel, for minutes",
    "compile examples.u_net:factory": "tests/examples does it",
    "targets cuda": "needs a GPU",
    "run cuda-road": "needs a GPU",
    "doctor --calibrate": "measures this machine, and wants it idle",
}
"""Parts of commands that are only parsed, and why."""

OTHER_PROGRAMS = {
    "journalctl": "on the board",
    "pip": "needs a network",
    "python3": "makes an environment",
    "scp": "needs a board",
    "source": "of the shell",
    "ssh": "needs a board",
    "sudo": "on the board",
    "~/tvm-bnn/bin/pip": "on the board",
}
"""Programs that the documentation starts and no test here does, and why."""

NO_COMMANDS = {"tvm-bnn bundle": "what a manifest calls its format"}
"""Code within sentences that only looks like a command."""

SHORT: dict[str, Sequence[str]] = {
    "compile": ("--threads", "1"),
    "evaluate": ("--pictures", "2"),
    "profile": ("--threads", "1", "--warmup", "0", "--repeat", "2"),
    "report": ("--threads", "1", "--warmup", "0", "--repeat", "2"),
    "train": ("--input-size", "64x64", "--pictures", "4", "--batch", "2", "--steps", "2", "--threads", "1"),
    "tune": ("--threads", "1", "--trials", "6"),
    "verify": ("--threads", "1", "--warmup", "0", "--repeat", "2"),
}
"""Options that are added to a command; of an option that is given twice the last one counts."""

STAND_INS = dict.fromkeys(("compile", "profile", "report", "summary", "tune"), TINY) | {"verify": ATTENTIVE}
"""What is taken for a preset or a checkpoint."""

OF_ANY_MACHINE = {"x86-avx2": "cpu"}
"""What is taken for a target that not every machine is."""

_PICTURES = (".jpg", ".png")


@cache
def known_commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(cast(typer.Typer, app._app()))
    found: dict[str, Any] = group.commands
    return found


def understood(arguments: Sequence[str], *, in_part: bool = False) -> None:
    """Parse a command without running it; ``in_part`` where what is required may be left out."""
    name, *rest = arguments
    assert name in known_commands(), f"there is no command {name}"
    try:
        known_commands()[name].make_context(name, list(rest))
    except typer.TyperException as error:
        if not in_part or type(error).__name__ != "MissingParameter":
            pytest.fail(f"{PROGRAM} {' '.join(arguments)}: {error.format_message()}")
    except TvmBnnError as error:
        pytest.fail(f"{PROGRAM} {' '.join(arguments)}: {error.message}")


def is_run(command: Command) -> bool:
    return command.script is not None or (command.is_ours and not any(part in command.text for part in NOT_RUN))


def reduced(command: Command) -> list[str]:
    name, *rest = command.arguments
    words = [_stand_in(name, before, word) for before, word in zip(("", *rest), rest, strict=False)]
    return [name, *words, *SHORT.get(name, ())]


def _stand_in(name: str, before: str, word: str) -> str:
    if before == "--target":
        return OF_ANY_MACHINE.get(word, word)
    replaced = (word in PRESETS or word.endswith(".safetensors")) and not before.startswith("-")
    return STAND_INS.get(name, word) if replaced else word


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_is_understood(document: str) -> None:
    text = text_of(document)
    for command in shown(text):
        understood(command.arguments)
    for command in mentioned(text):
        if command.text not in NO_COMMANDS:
            understood(command.arguments, in_part=True)


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if any(map(is_run, commands(text_of(name))))])
def test_a_document_can_be_followed(
    document: str, cli: Cli, photograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "followed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    _make_short(monkeypatch)
    text = text_of(document)
    _write_files_of(text, monkeypatch)
    for command in filter(is_run, commands(text)):
        if command.script is not None:
            with torch_threads(1):
                runpy.run_path(command.script, run_name="__main__")
        else:
            _provide(command, photograph, cli)
            _run(command, cli)


def _run(command: Command, cli: Cli) -> None:
    code, out, err = cli(*reduced(command))
    # Profiles of two passes may well differ by more than a limit.
    expected = (0, NumericsError.exit_code) if "--fail-above" in command.words else (0,)
    assert code in expected, f"{command.text}: {code}\n{err}"
    if command.output is not None:
        Path(command.output).write_text(out)


def _make_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.WIDTHS, "S", Width((8, 16, 16, 16), (1, 1, 1, 1)))
    monkeypatch.setitem(DATA_SETS, "scenes", FewScenes)
    monkeypatch.setattr(runners, "LocalRunner", FakeRunner)
    monkeypatch.setattr(phases, "compile_network", _compiled)
    timings = Timings({"sdpa float32": 2000.0, "rows bfloat16": 2500.0}, 500.0)
    monkeypatch.setattr(yardstick, "measure", lambda request: timings)


_COMPILED: dict[Any, Compiled] = {}


def _compiled(
    network: IntegerNetwork,
    shape: tuple[int, ...],
    target: Target,
    threads: int,
    choose: Chooser,
    dump: Path | None = None,
    prefix: str | None = None,
) -> Compiled:
    """The same for networks of the same operators, whatever their weights."""
    choices = [(name, operator, choose(operator)) for name, operator in network.operators_at(shape)]
    chosen = tuple((name, one, choice.row.lowering.name, choice.point.key) for name, one, choice in choices)
    key = (chosen, target.name, threads, dump, prefix)
    if key not in _COMPILED:
        _COMPILED[key] = compile_network(network, shape, target, threads, choose, dump, prefix)
    return _COMPILED[key]


def _write_files_of(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(text):
        if len(block.marks) == 2:
            path = Path(block.marks[1])
            path.write_text(block.text)
            # A document that was followed before may have had a module of the same name.
            monkeypatch.delitem(sys.modules, path.stem, raising=False)


def _provide(command: Command, photograph: Path, cli: Cli) -> None:
    """What a reader is taken to have: pictures, a folder of them, two profiles."""
    name, *rest = command.arguments
    if name == "run":
        _provide_picture(Path(rest[1]), photograph)
    elif name == "diff":
        for path in map(Path, rest[:2]):
            if not path.exists():
                _run(Command((PROGRAM, "profile", "kitti-road", "--format", "json"), str(path)), cli)


def _provide_picture(path: Path, photograph: Path) -> None:
    if path.suffix in _PICTURES:
        shutil.copy(photograph, path)
    else:
        path.mkdir()
        Image.new("RGB", (24, 16)).save(path / "one.png")


def test_what_is_not_run_is_there() -> None:
    found = [command.text for document in DOCUMENTS for command in shown(text_of(document))]
    assert [part for part in NOT_RUN if not any(part in text for text in found)] == []
    started = {command.words[0] for document in DOCUMENTS for command in others(text_of(document))}
    assert set(OTHER_PROGRAMS) - started == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_other_programs_are_known(document: str) -> None:
    for command in others(text_of(document)):
        program = command.words[0]
        assert program in CHECKED or program in OTHER_PROGRAMS, command.text
        if program in CHECKED:
            CHECKED[program](command)


def _check_make(command: Command) -> None:
    goals = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {word for word in command.arguments if "=" not in word} <= set(goals)


def _check_python(command: Command) -> None:
    if command.script is None:
        assert command.words[1] == "-m"
        assert importlib.util.find_spec(command.words[2]) is not None, f"there is no module {command.words[2]}"


def _check_torchrun(command: Command) -> None:
    module = command.words.index("-m") + 1
    assert command.words[module] == "tvm_bnn.cli"
    understood(command.words[module + 1 :])


CHECKED: dict[str, Callable[[Command], None]] = {
    "make": _check_make,
    "python": _check_python,
    "torchrun": _check_torchrun,
}


def test_extras_that_are_installed_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name for document in DOCUMENTS for name in re.findall(r"(?:tvm-bnn|\.)\[(\w+)\]", text_of(document))}
    assert named
    assert named <= set(extras)
