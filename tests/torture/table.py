"""``python -m tests.torture.table``: puts the figures of the last torture into ``docs/reliability.md``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.torture.results import RESULTS
from tvm_bnn.files import write_atomic

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: python -m tests.torture.table -->\n", "<!-- end of figures -->\n"

MODULES = {
    "kill": "test_kill.py",
    "broken": "test_broken_files.py",
    "places": "test_places.py",
    "candidates": "test_candidates.py",
    "boards": "test_boards.py",
    "hostile": "test_hostile.py",
    "soak": "test_soak.py",
    "numerics": "test_numerics.py",
}
"""Of ``tests/torture``, by how the names of what they record begin."""


def table(trials: Mapping[str, Mapping[str, Any]]) -> str:
    """One row for everything that was done."""
    return "".join(_rows(trials))


def _rows(trials: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| done | what came of it | test | machine |\n|---|---|---|---|\n"
    for name, figures in sorted(trials.items(), key=lambda entry: (_place(entry[0]), entry[0])):
        numbers = ", ".join(_figure(key, value) for key, value in figures.items() if key != "machine")
        module = MODULES.get(name.split("/")[0], "")
        yield f"| {name.replace('/', ': ')} | {numbers} | `{module}` | {figures.get('machine', '')} |\n"


def _place(name: str) -> int:
    first = name.split("/")[0]
    return list(MODULES).index(first) if first in MODULES else len(MODULES)


def _figure(key: str, value: Any) -> str:
    number = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{key.replace('_', ' ')} {number}"


def renewed(text: str, trials: Mapping[str, Mapping[str, Any]]) -> str:
    """The document with another table between its marks.

    Raises:
        ValueError: it has no marks.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected a table between marks in {DOCUMENT.name}, got none")
    return f"{head}{BEGIN}\n{table(trials)}\n{END}{tail}"


def main() -> None:
    """Read the figures, write the document."""
    trials = json.loads(RESULTS.read_text(encoding="utf-8"))["trials"]
    write_atomic(DOCUMENT, renewed(DOCUMENT.read_text(encoding="utf-8"), trials))


if __name__ == "__main__":
    main()
