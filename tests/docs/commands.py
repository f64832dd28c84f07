"""The commands that the documentation shows, as they stand there.

A line of any fenced block that begins with ``tvm-bnn`` is one of ours; what follows two blanks or `` #`` on it is an
explanation. In blocks marked ``sh`` or ``bash`` every other line is a command too. Code within a sentence counts where
it begins with ``tvm-bnn``, and may leave out what is required. A block with a second mark is the file of that name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
PROGRAM = "tvm-bnn"

_FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")
_SHELLS = ("sh", "bash")
_CONTINUED = re.compile(r"\s*\\\n\s*")
_EXPLANATION = re.compile(r"\s{2,}\S.*$|\s#\s.*$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its marks, such as ``("python", "net.py")``, and its text."""

    marks: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Command:
    """One command; ``output`` is the file that its results go to, if any."""

    words: tuple[str, ...]
    output: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the program's name."""
        return self.words[1:]

    @property
    def text(self) -> str:
        """As one line."""
        return " ".join(self.words)

    @property
    def is_ours(self) -> bool:
        """Whether it starts this program."""
        return self.words[0] == PROGRAM

    @property
    def script(self) -> str | None:
        """The file that Python runs, if that is what it does."""
        return self.words[1] if self.words[0] == "python" and self.words[1].endswith(".py") else None


def text_of(document: str) -> str:
    """A document by its path in the repository."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Fenced blocks, in order."""
    return [Block(tuple(marks.split()), body) for marks, body in _FENCED.findall(text)]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCED.sub("", text)


def code(text: str) -> list[str]:
    """Code within sentences, each on one line."""
    return [" ".join(found.split()) for found in _CODE.findall(prose(text))]


def commands(text: str) -> list[Command]:
    """All commands in blocks, in order."""
    return [command for block in blocks(text) for command in _commands(block)]


def shown(text: str) -> list[Command]:
    """Those of this program."""
    return [command for command in commands(text) if command.is_ours]


def others(text: str) -> list[Command]:
    """Those of other programs."""
    return [command for command in commands(text) if not command.is_ours]


def mentioned(text: str) -> list[Command]:
    """Commands of this program within sentences."""
    return [Command(tuple(shlex.split(found))) for found in code(text) if found.startswith(f"{PROGRAM} ")]


def _commands(block: Block) -> Iterator[Command]:
    every = bool(block.marks) and block.marks[0] in _SHELLS
    for line in _CONTINUED.sub(" ", block.text).splitlines():
        ours = line.startswith(f"{PROGRAM} ")
        # An explanation may hold a quote that nobody closes.
        words = _EXPLANATION.sub("", line) if ours else line
        if ours or (every and words.strip() and not words.startswith("#")):
            yield _command(words)


def _command(line: str) -> Command:
    words = shlex.split(line, comments=True)
    if ">" in words:
        end = words.index(">")
        return Command(tuple(words[:end]), words[end + 1])
    return Command(tuple(words))
