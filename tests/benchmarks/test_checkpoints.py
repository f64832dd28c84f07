from pathlib import Path
from typing import Any

import pytest

from benchmarks import checkpoints
from benchmarks.checkpoints import check, write_readme
from tvm_bnn.errors import TvmBnnError
from tvm_bnn.models import config, weights
from tvm_bnn.models.checkpoint import save_packed
from tvm_bnn.models.config import Width
from tvm_bnn.models.presets import preset
from tvm_bnn.models.segmentation import SegmentationNet
from tvm_bnn.nn.calibration import synthetic_pictures


def scores(floating: float, integer: float, bundle: float) -> dict[str, dict[str, Any]]:
    return {"float": {"miou": floating}, "integer": {"miou": integer}, "bundle": {"miou": bundle}}


def test_what_keeps_its_promise() -> None:
    check("ecssd", scores(0.512, 0.51, 0.51))


@pytest.mark.parametrize("found", [(0.52, 0.51, 0.51), (0.51, 0.51, 0.5101)])
def test_what_does_not(found: tuple[float, float, float]) -> None:
    with pytest.raises(TvmBnnError, match="ecssd: expected the same mean IoU"):
        check("ecssd", scores(*found))


def test_the_readme_says_what_the_files_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.WIDTHS, "S", Width((8, 16, 32, 32), (1, 1, 1, 1)))
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    facts = {"data": "scenes-ecssd", "size": [160, 160], "steps": 9, "batch": 4, "seed": 1, "scored_on": 7}
    path = tmp_path / "ecssd-S.safetensors"
    noted = facts | {"metrics": scores(0.5, 0.501, 0.501)}
    save_packed(path, SegmentationNet(preset("ecssd")), synthetic_pictures(1, (64, 64)), noted)
    write_readme()
    text = (tmp_path / "README.md").read_text()
    row = f"| ecssd | scenes-ecssd | 160x160 | 9 x 4 | 1 | 50.00 | 50.10 | 50.10 | {path.stat().st_size} |"
    assert text.splitlines()[-1] == row
    assert "on 7 other scenes" in text
