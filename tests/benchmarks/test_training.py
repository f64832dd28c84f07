import json
from pathlib import Path

import pytest

from benchmarks import training
from benchmarks.training import Measured, Noise, write_results
from tvm_bnn.models.presets import ECSSD_CLASSES


def test_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "RESULTS", tmp_path)
    write_results([Measured(1, "float32", [2.0, 3.0, 4.0], [1.0, 2.0, 2.0])])
    (document,) = (json.loads(path.read_text()) for path in tmp_path.glob("training-*.json"))
    assert document["results"] == [{"threads": 1, "precision": "float32", "binary": [2, 3, 4], "twin": [1, 2, 2]}]
    (table,) = (path.read_text() for path in tmp_path.glob("training-*.md"))
    assert table.splitlines()[-1] == (
        "| float32 | 1 | 3.00 (2.00 to 4.00) | 2.00 (1.00 to 2.00) | 2.00 (1.50 to 2.00) |"
    )


def test_noise_fits_the_size() -> None:
    data = Noise(ECSSD_CLASSES, (32, 64), 3)
    pictures, labels = data.batch(range(2))
    assert (pictures.shape, labels.shape, len(data)) == ((2, 3, 32, 64), (2, 32, 64), 3)
    assert int(labels.max()) < 2
