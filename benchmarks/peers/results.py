"""Results in a file that grows case by case: an interrupted run loses none, a later run replaces what it measures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.rounds import Round, Timing, ratio
from tvm_bnn.files import write_atomic

SCHEMA_VERSION = 1

SECTIONS = ("layers", "avx2", "networks")


@dataclass(frozen=True)
class Outcome:
    """All engines on one case.

    Attributes:
        section: one of ``SECTIONS``.
        case: its name.
        threads: of every engine.
        macs: of the case.
        timings: by engine, ours first.
        notes: what else there is to say of the case.
    """

    section: str
    case: str
    threads: int
    macs: int
    timings: Mapping[str, Timing]
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What a later outcome of the same replaces."""
        return self.section, self.case, self.threads

    @property
    def ours(self) -> Timing:
        """What the others are compared with."""
        return next(iter(self.timings.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: every round, and what follows from them."""
        engines = {name: self._engine(timing) for name, timing in self.timings.items()}
        return {
            "section": self.section,
            "case": self.case,
            "threads": self.threads,
            "macs": self.macs,
            "notes": dict(self.notes),
            "engines": engines,
        }

    def _engine(self, timing: Timing) -> dict[str, Any]:
        if timing.absent:
            return {"absent": timing.absent}
        found = ratio(self.ours, timing)
        return {
            "median_ms": timing.median,
            "p5_ms": timing.spread[0],
            "p95_ms": timing.spread[1],
            "gops": timing.gops(self.macs),
            "speedup_of_ours": None if found is None else [found.median, found.low, found.high],
            "rounds": [asdict(turn) for turn in timing.rounds],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcome:
        """Inverse of :meth:`to_dict`."""
        timings = {
            name: Timing(tuple(Round(**turn) for turn in engine.get("rounds", ())), engine.get("absent", ""))
            for name, engine in data["engines"].items()
        }
        return cls(data["section"], data["case"], data["threads"], data["macs"], timings, data["notes"])


class Results:
    """The outcomes of one machine with one set of versions.

    Args:
        path: of the JSON file; what it holds of the same conditions is kept.
        conditions: machine, target and versions.
    """

    def __init__(self, path: Path, conditions: Mapping[str, Any]) -> None:
        self.path, self.conditions = path, dict(conditions)
        self._outcomes = {outcome.key: outcome for outcome in self._held()}

    def _held(self) -> list[Outcome]:
        if not self.path.exists():
            return []
        document = json.loads(self.path.read_text())
        same = all(document.get(name) == value for name, value in self._head().items())
        return [Outcome.from_dict(outcome) for outcome in document["outcomes"]] if same else []

    def _head(self) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, "evidence": "measured", **self.conditions}

    @property
    def outcomes(self) -> list[Outcome]:
        """By section and threads; within them in the order in which they were first measured."""
        return sorted(self._outcomes.values(), key=lambda o: (SECTIONS.index(o.section), o.threads))

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome and write the file."""
        self._outcomes[outcome.key] = outcome
        document = {**self._head(), "outcomes": [outcome.to_dict() for outcome in self.outcomes]}
        write_atomic(self.path, json.dumps(document, indent=1) + "\n")
