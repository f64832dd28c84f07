"""What a command said, as a picture of a terminal."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.text import Text

MOST_LINES = 30
"""Lines of a picture; what is in the middle of a longer text is left out, and a line says so."""

_FETCHED_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_TRIAL = re.compile(r"^\[\d+/\d+\]", re.MULTILINE)


def terminal_svg(command: str, told: str) -> str:
    """A self-contained SVG, light on dark wherever it is shown.

    Args:
        command: as it was typed.
        told: all that it wrote.
    """
    lines = middle_left_out(told.rstrip().splitlines(), MOST_LINES)
    shown = Text.assemble(("$ ", "bold green"), (command, "bold"), "\n", "\n".join(lines))
    shown.highlight_regex(_TRIAL, "cyan")
    width = max(len(line) for line in [f"$ {command}", *lines])
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(shown, highlight=False, soft_wrap=True)
    return _FETCHED_FONTS.sub("", console.export_svg(title=command.split()[0], unique_id="terminal"))


def middle_left_out(lines: list[str], most: int) -> list[str]:
    """At most so many lines: the first half, how many are missing, the last half."""
    if len(lines) <= most:
        return lines
    head = most // 2
    tail = most - head - 1
    return [*lines[:head], f"... {len(lines) - head - tail} lines ...", *lines[-tail:]]
