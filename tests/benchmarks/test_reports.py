import json
from pathlib import Path

import pytest

from benchmarks import reports
from tests.reporting.profiles import estimated, measured


def test_every_machine_without_a_chapter_is_named_with_a_reason() -> None:
    found = {one.name: one.why for one in reports.absent({"x86-avx512", "x86-avx2", "rpi3", "rpi4", "rpi5"})}
    assert {"a100", "h200", "orin"} <= found.keys()
    assert "cpu-portable" not in found
    assert found["h200"] == "not run on hardware: no such GPU was at hand"
    assert all(why.startswith("not run on hardware") for why in found.values())
    assert "rpi4" in {one.name for one in reports.absent(set())}


def test_a_chapter_for_every_profile_whatever_machine_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "REPORTS", tmp_path)
    for profile in (measured(model="someone"), estimated(model="someone")):
        folder = tmp_path / profile.target
        folder.mkdir()
        (folder / "someone-S.json").write_text(profile.model_dump_json())
    network = {"model": "someone", "width": "S", "input_size": [96, 320], "target": "rpi4", "threads": 1}
    verified = {**network, "attention": [], "passed": True}
    (tmp_path / "rpi4" / "someone-S-verify.json").write_text(json.dumps(verified))
    found = list(reports.chapters())
    assert [(one.target.name, one.verification is not None) for one in found] == [("rpi4", True), ("x86-avx512", False)]
