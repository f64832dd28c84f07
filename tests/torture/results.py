"""Figures of the torture, kept for ``docs/reliability.md``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tvm_bnn.files import write_atomic
from tvm_bnn.targets import cpu_model

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "reliability.json"


def record(name: str, **figures: float | str) -> None:
    """Keep the figures of one trial in place of those it left before."""
    held: dict[str, Any] = {"schema_version": 1, "trials": {}}
    if RESULTS.exists():
        held = json.loads(RESULTS.read_text(encoding="utf-8"))
    held["trials"][name] = {**figures, "machine": cpu_model()}
    write_atomic(RESULTS, json.dumps(held, indent=1, sort_keys=True) + "\n")
