import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.deployment.programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "arguments", "keys"),
    [
        ("overhead", ("1", "3"), {"network", "caller"}),
        ("memory", ("5",), {"before", "after"}),
        ("together", ("2", "1", "4"), {"per_second"}),
    ],
)
def test_programs_measure_a_bundle(runtime_bundle: Path, name: str, arguments: tuple[str, ...], keys: set[str]) -> None:
    found: dict[str, Any] = PROGRAMS[name](str(runtime_bundle), *arguments)
    assert set(found) == keys
    if name == "overhead":
        assert [len(times) for times in found.values()] == [3, 3]


def test_a_cold_start_is_a_process_of_its_own(runtime_bundle: Path, photograph: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.deployment.programs", "cold", str(runtime_bundle), str(photograph)]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert all(told[f"{stage}_seconds"] > 0 for stage in ("import", "open", "picture", "first_run"))
    assert 0 < told["import_bytes"] < told["resident_bytes"]
