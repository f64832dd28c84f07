import csv
from pathlib import Path

import pytest

from tests.training.coloured import Coloured
from tests.training.test_evaluation import nearest_color
from tvm_bnn.errors import UsageError
from tvm_bnn.training.evaluation import evaluate
from tvm_bnn.training.log import COLUMNS, Log


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    log = Log(tmp_path / "log.csv", 0)
    for step in range(1, 5):
        metrics = evaluate(nearest_color, Coloured(2)) if step == 2 else None
        log.append(step, 1 / step, 1e-3, 0.12345, metrics)
    return log.path


def test_every_line_is_there_at_once(written: Path) -> None:
    first, second, *_, last = rows(written)
    assert tuple(first) == COLUMNS
    assert (first["step"], first["loss"], first["seconds"], first["miou"]) == ("1", "1.0", "0.123", "")
    assert (second["miou"], second["pixel_accuracy"]) == ("1.0", "1.0")
    assert last["step"] == "4"


def test_steps_that_the_state_has_not_done_are_dropped(written: Path) -> None:
    before = written.read_text().splitlines()
    Log(written, 2)
    assert written.read_text().splitlines() == before[:3]


def test_a_half_written_line_is_dropped(written: Path) -> None:
    before = written.read_text()
    written.write_text(before + "5,0.2,0.00")
    Log(written, 9)
    assert written.read_text() == before


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        Log(tmp_path / "log.csv", 0)
    log = Log(tmp_path / "other.csv", 0)
    log.path.unlink()
    log.path.mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        log.append(1, 1.0, 1.0, 1.0, None)
