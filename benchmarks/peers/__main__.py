"""``python -m benchmarks.peers``: this engine and others in turn on the same work, on an idle machine.

Every case is written as soon as it is measured. What is not asked for stays as an earlier run on the same machine
with the same versions left it, so that sections can be measured one by one (``--layers none``, ``--networks none``).
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import Environment, environment
from benchmarks.peers.results import Results
from benchmarks.peers.sections import Bench, Settings, measure_avx2, measure_layers, measure_networks
from tvm_bnn.errors import TvmBnnError, UsageError
from tvm_bnn.targets import cpu_model, logical_cores, resolve_host
from tvm_bnn.tuning.settle import versions

HERE = Path(__file__).parents[1]
BUILD = Path("build")

_IDLE = 0.5
"""Processes that may be running."""


def main() -> None:
    """Build the environments if need be, measure what is asked for, write the tables."""
    arguments = _parse()
    try:
        _run(arguments)
    except TvmBnnError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        sys.exit(error.exit_code)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--layers", default="*", metavar="GLOB", help="single layers to measure; none for no layer")
    parser.add_argument("--networks", default="*", metavar="GLOB", help="presets to measure; none for no network")
    parser.add_argument("--threads", type=_numbers, metavar="N,N", help="1,2 unless there is one core only")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--trials", type=int, default=8, metavar="N", help="of layers without a record of their own")
    parser.add_argument("--records", type=Path, metavar="DIR", help="looked up before the shipped ones")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _run(arguments: argparse.Namespace) -> None:
    target, cores = resolve_host(), logical_cores()
    threads = arguments.threads or [number for number in (1, 2) if number <= cores]
    if min(threads) < 1 or max(threads) > cores:
        raise UsageError(f"--threads: expected 1 to {cores}, got {threads}", "give as many as there are cores")
    if arguments.rounds < 1:
        raise UsageError(f"--rounds: expected at least 1, got {arguments.rounds}")
    homes = {
        "peers": environment(BUILD / "peers-venv", HERE / "peers-requirements.txt"),
        "lite": environment(BUILD / "peers-lite-venv", HERE / "peers-lite-requirements.txt"),
    }
    # Models of an earlier run may be of an earlier network.
    shutil.rmtree(BUILD / "peers" / "models", ignore_errors=True)
    results = Results(HERE / "results" / f"peers-{target.name}.json", _conditions(target.name, homes))
    folders = [arguments.records] if arguments.records else []
    settings = Settings(target, arguments.rounds, arguments.trials, folders, BUILD / "peers")
    bench = Bench(settings, homes, results)
    _warn_if_busy()
    began = time.monotonic()
    for number in threads:
        measure_layers(bench, lambda name: fnmatchcase(name, arguments.layers), number)
    measure_avx2(bench, lambda name: fnmatchcase(name, arguments.layers))
    for number in threads:
        measure_networks(bench, lambda name: fnmatchcase(name, arguments.networks), number)
    sys.stderr.write(f"measured in {(time.monotonic() - began) / 60:.1f} min\n")


def _warn_if_busy() -> None:
    load, _, _ = os.getloadavg()
    if load > _IDLE:
        sys.stderr.write(
            f"expected an idle machine, got a load of {load:.1f}: long calls will look slower than short\n"
        )


def _conditions(target: str, homes: Mapping[str, Environment]) -> dict[str, Any]:
    held = {"python": platform.python_version(), **versions()}
    absent: dict[str, str] = {}
    for home in homes.values():
        held |= home.versions
        absent |= home.absent
    return {"machine": cpu_model(), "target": target, "versions": held, "absent": absent}


if __name__ == "__main__":
    main()
