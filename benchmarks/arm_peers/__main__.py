"""``python -m benchmarks.arm_peers [--sources DIR]``: Larq Compute Engine and daBNN on a Raspberry Pi 4, modelled.

Their sources are cloned into ``build``, or taken from a folder; nothing of them is kept here. Takes a minute.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.arm_peers.drivers import FLAGS, compile_drivers, compiler_version
from benchmarks.arm_peers.engines import ENGINES
from benchmarks.arm_peers.ours import run_ours
from benchmarks.arm_peers.prices import prices_of, run_peer
from benchmarks.arm_peers.problems import LAYERS, Layer, problem_of
from benchmarks.arm_peers.results import OURS, Entry, write_results
from benchmarks.arm_peers.sources import sources
from tvm_bnn.errors import TvmBnnError
from tvm_bnn.estimation.estimate import core_of
from tvm_bnn.estimation.mca import find_mca, mca_version
from tvm_bnn.targets import Target, load

TARGET = "rpi4"
_CLONES = Path("build") / "arm-peers"
_SEED = 0


def main() -> None:
    """Price every engine on every layer and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arm_peers", description=__doc__)
    parser.add_argument("--sources", type=Path, metavar="DIR", help="has clones compute-engine and dabnn")
    parser.add_argument("--records", type=Path, metavar="DIR", help="of ours; looked up before the shipped ones")
    arguments = parser.parse_args()
    try:
        _run(arguments.sources, arguments.records)
    except TvmBnnError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        sys.exit(error.exit_code)


def _run(folder: Path | None, records: Path | None) -> None:
    target, found = load(TARGET), sources(folder, _CLONES)
    libraries = compile_drivers(found)
    entries = [entry for layer in LAYERS for entry in _entries(layer, libraries, target, records)]
    conditions = {
        "commits": {name: source.commit for name, source in found.items()},
        "compiler": compiler_version(),
        "flags": list(FLAGS),
        "llvm_mca": mca_version() if find_mca() else None,
    }
    write_results(entries, conditions, target)


def _entries(layer: Layer, libraries: Mapping[str, bytes], target: Target, records: Path | None) -> Iterator[Entry]:
    core = core_of(target)
    own = run_ours(layer, target, records, _SEED)
    how = f"{own.lowering}, {own.schedule}"
    yield _told(Entry(layer, OURS, "packed signs", prices_of(own.ran, core, layer.macs), how, 1e3 * own.seconds))
    for engine in ENGINES:
        ran = run_peer(engine, libraries[engine.project], problem_of(layer, _SEED))
        yield _told(Entry(layer, engine.name, engine.output, prices_of(ran, core, layer.macs)))


def _told(entry: Entry) -> Entry:
    sys.stderr.write(f"{entry.layer.name} {entry.engine}, {entry.output}: {entry.prices.ours.whole:.0f} cycles\n")
    return entry


if __name__ == "__main__":
    main()
