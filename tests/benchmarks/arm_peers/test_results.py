import json
from pathlib import Path

import pytest

from benchmarks.arm_peers.prices import Price, Prices
from benchmarks.arm_peers.problems import LAYERS
from benchmarks.arm_peers.results import OURS, Entry, bound, write_results
from tvm_bnn.targets import load

TARGET = load("rpi4")
CONDITIONS = {"commits": {"Peer": "0123456789abcdef"}, "compiler": "g++ 12", "flags": ["-O3"], "llvm_mca": None}


def test_bound_is_that_of_the_pipes() -> None:
    assert bound(TARGET) == pytest.approx(128 / 1.5)


def test_results_are_files_for_people_and_for_programs(tmp_path: Path) -> None:
    layer = LAYERS[0]
    least = layer.macs / bound(TARGET)
    own = Prices(Price(least * 1.25, None, 80.0), None, ())
    peer = Prices(Price(least * 2, least / 2, 64.0), None, ("hint",))
    entries = [
        Entry(layer, OURS, "packed signs", own, "a lowering, tuned", 1.5),
        Entry(layer, "Peer", "float32", peer),
    ]
    write_results(entries, CONDITIONS, TARGET, tmp_path)
    document = json.loads((tmp_path / "arm-peers-rpi4.json").read_text())
    assert document["evidence"] == "estimated"
    first, second = document["layers"]
    assert first["table"]["ms"] == pytest.approx(1.25 * 0.903, rel=1e-2)
    assert second["table"]["over_ours"] == pytest.approx(1.6)
    assert second["llvm_mca"] is None
    assert second["unknown_instructions"] == ["hint"]
    table = (tmp_path / "arm-peers-rpi4.md").read_text()
    assert "no hardware was used" in table
    assert "| 56x56x64 | Peer | float32 | 64.0 | 75% | 1.806 | 50% | 0.452 | 1.60 |" in table
    assert "- 56x56x64, tvm-bnn: a lowering, tuned." in table
