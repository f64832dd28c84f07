"""What the measured processes do: ``python -m benchmarks.deployment.programs NAME ARGUMENT...``.

Each prints one line of JSON. Nothing is imported before its time is taken, so that a process is no other than a
user's.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

WARMUP = 20


def cold(bundle: str, picture: str) -> dict[str, Any]:
    """From a new process to the first label map of a picture in a file; seconds by stage, and bytes."""
    began, before = time.perf_counter(), resident()
    from tvm_bnn.data.picture import load_picture, resize_to
    from tvm_bnn.deploy.loading import ffi
    from tvm_bnn.deploy.runner import Runner

    ffi()
    imported, imports = time.perf_counter(), resident() - before
    runner = Runner.load(bundle)
    opened = time.perf_counter()
    image = resize_to(load_picture(picture), runner.manifest.input_size)
    decoded = time.perf_counter()
    runner.run(image)
    done = time.perf_counter()
    return {
        "import_seconds": imported - began,
        "open_seconds": opened - imported,
        "picture_seconds": decoded - opened,
        "first_run_seconds": done - decoded,
        "import_bytes": imports,
        "resident_bytes": resident(),
    }


def overhead(bundle: str, threads: str, pairs: str) -> dict[str, Any]:
    """Milliseconds of the network alone, the picture in its place, and of the Python caller; in turn."""
    import numpy as np

    from tvm_bnn.deploy.loading import Network, load_runtime
    from tvm_bnn.deploy.manifest import LIBRARY, RUNTIME
    from tvm_bnn.deploy.runner import Runner
    from tvm_bnn.threads import running_on

    runner = Runner.load(bundle, int(threads))
    manifest, image = runner.manifest, _image(runner)
    runtime = load_runtime(manifest.libraries, Path(bundle) / RUNTIME, manifest.versions)
    network = Network(runtime.load_module(str(Path(bundle, LIBRARY).resolve())), tiles=manifest.amx_tiles)
    place = np.empty(image.size + 64, np.uint8)
    aligned = place[-place.ctypes.data % 64 :][: image.size].reshape(manifest.input.shape)
    aligned[0] = image
    tensor = runtime.from_dlpack(aligned)
    calls = [("network", network, tensor), ("caller", runner.run, image)]
    found: dict[str, list[float]] = {name: [] for name, *_ in calls}
    with running_on(runtime, int(threads)):
        for _ in range(WARMUP + int(pairs)):
            for name, function, argument in calls:
                found[name].append(_milliseconds(function, argument))
            # Whatever it is worth to be the first or the second, both are.
            calls.reverse()
    return {name: times[WARMUP:] for name, times in found.items()}


def memory(bundle: str, runs: str) -> dict[str, Any]:
    """Bytes of the process before and after so many runs."""
    from tvm_bnn.deploy.runner import Runner

    runner = Runner.load(bundle)
    image = _image(runner)
    for _ in range(WARMUP):
        runner.run(image)
    before = resident()
    for _ in range(int(runs)):
        runner.run(image)
    return {"before": before, "after": resident()}


def together(bundle: str, callers: str, threads: str, runs: str) -> dict[str, Any]:
    """Pictures a second of several threads that call one runner at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    from tvm_bnn.deploy.runner import Runner

    runner = Runner.load(bundle, int(threads))
    image = _image(runner)
    each = int(runs) // int(callers)

    def call(_: int) -> None:
        for _ in range(each):
            runner.run(image)

    with ThreadPoolExecutor(int(callers)) as pool:
        list(pool.map(call, range(int(callers))))
        began = time.perf_counter()
        list(pool.map(call, range(int(callers))))
    return {"per_second": each * int(callers) / (time.perf_counter() - began)}


def resident() -> int:
    """Bytes of this process's memory that are there."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith("VmRSS:"))
    return 1024 * int(kibibytes)


def _image(runner: Any) -> Any:
    """Noise of the network's size."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (*runner.manifest.input_size, 3), np.uint8)


def _milliseconds(function: Any, argument: Any) -> float:
    began = time.perf_counter()
    function(argument)
    return 1e3 * (time.perf_counter() - began)


PROGRAMS = {program.__name__: program for program in (cold, overhead, memory, together)}

if __name__ == "__main__":
    print(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])), flush=True)
