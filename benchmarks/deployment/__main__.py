"""``python -m benchmarks.deployment``: what a deployed network costs beside its kernels, on an idle machine.

The network is kitti-road at width S, compiled for this machine with its runtime. Takes some three minutes; writes
Markdown and JSON into ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.cbook import get_sample_data

from benchmarks.deployment.results import Deployment, Overhead, Start, read_line, write_results
from tvm_bnn.deploy.link import cxx_compiler, no_compiler
from tvm_bnn.deploy.manifest import NATIVE, read_manifest
from tvm_bnn.targets import cpu_model, logical_cores

RESULTS = Path(__file__).parents[1] / "results"
_CALLER = Path(__file__).with_name("caller.cc")
_STARTS = 10


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deployment", description=__doc__)
    parser.add_argument("--input-size", metavar="HxW", help="another size, for a quick look")
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="over which memory has to stay flat")
    parser.add_argument("--pairs", type=int, default=200, metavar="N", help="calls by which overhead is told")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, metavar="DIR")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        bundle = _compiled(Path(folder) / "bundle", arguments.input_size)
        caller = built(bundle / NATIVE, Path(folder) / "caller")
        found = measure(bundle, caller, arguments.pairs, arguments.runs)
        write_results(found, read_manifest(bundle), cpu_model(), arguments.output)


def measure(bundle: Path, caller: Path, pairs: int, runs: int, starts: int = _STARTS) -> Deployment:
    """Measure a bundle that brings its runtime; ``caller`` is the program of ``caller.cc``."""
    picture = Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    cores = logical_cores()
    # The first start reads everything from disk.
    started = [_start(bundle, picture) for _ in range(starts + 1)][1:]
    commands = [_command_seconds(bundle, picture) for _ in range(starts + 1)][1:]
    overheads, growth = [], {}
    for threads in sorted({1, cores}):
        python = _program("overhead", bundle, threads, pairs)
        native = read_line(_output([str(caller), str(bundle), str(threads), str(pairs), str(runs)]))
        overheads += [
            Overhead.of(name, threads, told["network"], told["caller"])
            for name, told in (("Python", python), ("C", native))
        ]
        growth["C"] = native["after"] - native["before"]
    memory = _program("memory", bundle, runs)
    growth["Python"] = memory["after"] - memory["before"]
    together = {
        (callers, threads): _program("together", bundle, callers, threads, pairs)["per_second"]
        for callers in sorted({1, cores, 2 * cores})
        for threads in sorted({1, cores})
    }
    return Deployment(started, commands, overheads, growth, runs, together)


def _compiled(path: Path, size: str | None) -> Path:
    sized = ["--input-size", size] if size else []
    _output(_python("tvm_bnn.cli", "compile", "kitti-road", "--with-runtime", "-o", path, *sized))
    return path


def built(sources: Path, path: Path) -> Path:
    """``caller.cc`` with the C interface of a bundle."""
    compiler = cxx_compiler()
    if compiler is None:
        raise no_compiler()
    options = ["-std=c++17", "-O2", f"-I{sources}", f"-I{sources / 'src'}", "-ldl", "-pthread"]
    files = [_CALLER, *sorted((sources / "src").glob("*.cc"))]
    _output([compiler, "-o", str(path), *map(str, files), *options])
    return path


def _start(bundle: Path, picture: Path) -> Start:
    command = _python("benchmarks.deployment.programs", "cold", bundle, picture)
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        first = time.perf_counter() - began
        process.wait()
        whole = time.perf_counter() - began
    return Start(first, whole, read_line(line))


def _command_seconds(bundle: Path, picture: Path) -> float:
    overlay = bundle.with_name("overlay.png")
    began = time.perf_counter()
    _output(_python("tvm_bnn.cli", "run", bundle, picture, "-o", overlay))
    return time.perf_counter() - began


def _program(name: str, *arguments: object) -> Any:
    sys.stderr.write(f"{name} {' '.join(map(str, arguments[1:]))}\n")
    return read_line(_output(_python("benchmarks.deployment.programs", name, *arguments)))


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
