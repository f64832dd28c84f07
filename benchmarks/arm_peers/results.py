"""The table of all engines, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.arm_peers.engines import ENGINES
from benchmarks.arm_peers.prices import Price, Prices
from benchmarks.arm_peers.problems import Layer
from tvm_bnn.files import write_atomic
from tvm_bnn.targets import Target

RESULTS = Path(__file__).parents[1] / "results"
OURS = "tvm-bnn"


@dataclass(frozen=True)
class Entry:
    """One engine on one layer.

    Attributes:
        layer: the layer.
        engine: its name; ours is ``OURS``.
        output: what it writes.
        prices: by both instruments.
        how: lowering and schedule, of ours.
        with_memory_ms: the estimate with waiting for memory, of ours.
    """

    layer: Layer
    engine: str
    output: str
    prices: Prices
    how: str = ""
    with_memory_ms: float | None = None


def write_results(
    entries: Sequence[Entry], conditions: Mapping[str, Any], target: Target, folder: Path = RESULTS
) -> None:
    """``arm-peers-<target>`` as Markdown and JSON.

    Args:
        entries: of each layer one after the other, ours first.
        conditions: commits, and versions of compilers and llvm-mca.
        target: whose core was the model.
        folder: where to.
    """
    document = {
        "schema_version": 1,
        "target": target.name,
        "core": target.core,
        "evidence": "estimated",
        "clock_ghz": target.peak("clock_ghz"),
        "bound_mac_per_cycle": bound(target),
        **conditions,
        "layers": [_plain(entry, entries, target) for entry in entries],
    }
    write_atomic(folder / f"arm-peers-{target.name}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(folder / f"arm-peers-{target.name}.md", markdown(entries, conditions, target))


def bound(target: Target) -> float:
    """MAC per cycle that the core can do at most."""
    return target.peak("binary_gops_per_core") / 2 / target.peak("clock_ghz")


def _milliseconds(cycles: float, target: Target) -> float:
    return cycles / target.peak("clock_ghz") / 1e6


def _ratio(entry: Entry, entries: Sequence[Entry], instrument: str) -> float | None:
    """How much longer an engine takes than ours, by one instrument; None without ours."""
    own = next((other for other in entries if other.layer == entry.layer and other.engine == OURS), None)
    theirs, ours = getattr(entry.prices, instrument), getattr(own.prices, instrument) if own else None
    return theirs.whole / ours.whole if theirs and ours else None


def _plain(entry: Entry, entries: Sequence[Entry], target: Target) -> dict[str, Any]:
    def told(price: Price | None, instrument: str) -> dict[str, Any] | None:
        if price is None:
            return None
        around = None if price.around is None else _milliseconds(price.around, target)
        return {
            "ms": _milliseconds(price.whole, target),
            "around_ms": around,
            "loop_mac_per_cycle": price.loop,
            "over_ours": _ratio(entry, entries, instrument),
        }

    return {
        "layer": entry.layer.name,
        "engine": entry.engine,
        "output": entry.output,
        "how": entry.how,
        "table": told(entry.prices.ours, "ours"),
        "llvm_mca": told(entry.prices.mca, "mca"),
        "with_memory_ms": entry.with_memory_ms,
        "unknown_instructions": list(entry.prices.unknown),
    }


def markdown(entries: Sequence[Entry], conditions: Mapping[str, Any], target: Target) -> str:
    """A table for people."""
    sources = ", ".join(f"{name} at {commit[:10]}" for name, commit in conditions["commits"].items())
    lines = [
        f"# 3x3 binary layers on {target.name} ({target.core}), estimated: no hardware was used",
        "",
        "Made by `python -m benchmarks.arm_peers`. Modelled, not measured: every engine's own code was compiled, run",
        "by an emulator, compared with a reference, and each basic block priced by its executions; one thread, data",
        f"in the first-level cache, {target.peak('clock_ghz'):g} GHz. {sources};",
        f"{conditions['compiler']}, {' '.join(conditions['flags'])}.",
        f"Second figures: by {conditions['llvm_mca'] or 'llvm-mca, which is not installed'}. Bound: "
        f"{bound(target):.1f} MAC a cycle. Within 10 % is a tie.",
        "",
        "| layer | engine | writes | hottest loop, MAC a cycle | of the bound | whole layer ms | of the bound "
        "| around the products ms | time / ours |",
        "|" + "---|" * 9,
        *(_row(entry, entries, target) for entry in entries),
        "",
        "What is in a peer's time beside the products, and what is not though the engine does it:",
        "",
        *(
            f"- {engine.name}, {engine.output}: with {engine.included}; without {engine.left_out}."
            for engine in ENGINES
        ),
        f"- {OURS}: whole, padding, thresholds and packed signs included. Waiting for memory, which is priced for no "
        "peer although they stream the same weights, would add: "
        + ", ".join(_waiting(entry, target) for entry in entries if entry.engine == OURS)
        + ".",
        "- The reference of each peer is its own binary convolution: bits that differ, zero bits as padding.",
        *(f"- {entry.layer.name}, {entry.engine}: {entry.how}." for entry in entries if entry.how),
    ]
    return "\n".join(lines) + "\n"


def _waiting(entry: Entry, target: Target) -> str:
    whole = _milliseconds(entry.prices.ours.whole, target)
    return f"{(entry.with_memory_ms or whole) - whole:.3f} ms ({entry.layer.name})"


def _row(entry: Entry, entries: Sequence[Entry], target: Target) -> str:
    prices, most = entry.prices, bound(target)
    pair = [price for price in (prices.ours, prices.mca) if price]
    least = entry.layer.macs / most
    around = [_milliseconds(price.around, target) for price in pair if price.around is not None]
    ratios = [_ratio(entry, entries, instrument) for instrument in ("ours", "mca")]
    cells = [
        entry.layer.name,
        entry.engine,
        entry.output,
        " / ".join(f"{price.loop:.1f}" for price in pair),
        " / ".join(f"{price.loop / most:.0%}" for price in pair),
        " / ".join(f"{_milliseconds(price.whole, target):.3f}" for price in pair),
        " / ".join(f"{least / price.whole:.0%}" for price in pair),
        " / ".join(f"{value:.3f}" for value in around) or "-",
        " / ".join(f"{ratio:.2f}" for ratio in ratios if ratio) or "-",
    ]
    return "| " + " | ".join(cells) + " |"
