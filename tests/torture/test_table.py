from typing import Any

import pytest

from tests.torture.table import BEGIN, DOCUMENT, END, MODULES, renewed, table

TRIALS: dict[str, dict[str, Any]] = {
    "numerics/x": {"checked": 1000, "machine": "mine"},
    "kill/tuning": {"killed": 200, "lost": 0, "half_hours": 1.5},
    "new": {"tried": 1},
}


def test_one_row_for_everything_in_order() -> None:
    assert table(TRIALS).splitlines()[2:] == [
        "| kill: tuning | killed 200, lost 0, half hours 1.5 | `test_kill.py` |  |",
        "| numerics: x | checked 1,000 | `test_numerics.py` | mine |",
        "| new | tried 1 | `` |  |",
    ]


def test_the_table_of_the_document_is_replaced() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    once = renewed(text, TRIALS)
    assert renewed(once, TRIALS) == once
    assert once.split(BEGIN)[0] == text.split(BEGIN)[0]
    assert once.split(END)[1] == text.split(END)[1]
    with pytest.raises(ValueError, match="got none"):
        renewed("nothing", TRIALS)


def test_the_modules_are_there() -> None:
    assert all((DOCUMENT.parents[1] / "tests" / "torture" / name).is_file() for name in MODULES.values())
