"""Damaged files of every kind: read or refused, within bounds of time and memory, and never a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.torture.counts import count
from tests.torture.hostile import KINDS, fuzz
from tests.torture.results import record

CASES, FEW = count(5000, 100), 40
SLOWEST = 20.0
"""Seconds of one case that are still called bounded; the machine may be busy with something else."""


def check(kind: str, found: dict[str, Any]) -> None:
    """Of a library with a checksum not a byte may be another."""
    assert kind != "libraries" or "read" not in found


@pytest.mark.parametrize("kind", KINDS)
def test_few(kind: str, tmp_path: Path) -> None:
    found = fuzz(KINDS[kind](tmp_path), tmp_path, FEW, seed=1)
    assert found["cases"] == FEW
    check(kind, found)


@pytest.mark.torture
@pytest.mark.parametrize("kind", KINDS)
def test_many(kind: str) -> None:
    command = [sys.executable, "-m", "tests.torture.hostile", kind, str(CASES), "0"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["cases"] == CASES
    assert found["longest_s"] < SLOWEST
    check(kind, found)
    record(f"hostile/{kind}", **{"read": 0, "refused": 0, **found})
