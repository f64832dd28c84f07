"""``python -m benchmarks.gpu [--only-check]``: on a machine with an NVIDIA GPU, check all kernels and measure.

Every lowering is compared with the reference on layers, odd ones among them; then come the peaks of the tensor cores,
the layers against torch, the attention and the network. Without a GPU it ends with exit code 4.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.gpu.driver import Driver
from benchmarks.gpu.registers import BLOCKS_PER_MULTIPROCESSOR, THREADS, peaks
from benchmarks.gpu.table import Compared, Findings, write
from benchmarks.layers import LAYERS, layer
from tvm_bnn.errors import NumericsError, TvmBnnError
from tvm_bnn.lowering.registry import rows_for
from tvm_bnn.ops import Conv2d, Dense, Epilogue, Operator, PooledAttention
from tvm_bnn.profiling.clocks import read_clocks
from tvm_bnn.spaces.base import Setting
from tvm_bnn.targets import Gpu, Target, find_gpu, load
from tvm_bnn.tuning.runner import LocalRunner, Result
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.worker import Request

RESULTS = Path(__file__).parents[1] / "results"
_SECONDS = 300.0
_CITYSCAPES = ((256, 512, 64), (128, 256, 64), (64, 128, 128), (32, 64, 256))
MAPS = {f"3x3 {height}x{width}x{channels}": layer(height, width, channels) for height, width, channels in _CITYSCAPES}
"""Binary layers of the preset cityscapes at 1024 x 2048."""
ODD: tuple[Operator, ...] = (
    Conv2d(1, 11, 21, 128, 128, stride=(2, 1), pad_value="zero", epilogue=Epilogue(outputs=("signs",))),
    Conv2d(2, 6, 17, 64, 192, dilation=(2, 2), padding=(2, 2), epilogue=Epilogue(rprelu=True, outputs=("stream",))),
    Dense(37, 200, 128, epilogue=Epilogue(outputs=("stream", "codes"), code_bits=2)),
    PooledAttention(1, 13, 21, 64, 64, 128),
)
ATTENTION = PooledAttention(1, 128, 256, 64, 64, 128)
"""Of 32768 tokens."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--only-check", action="store_true", help="compare with the reference, write nothing")
    asked = parser.parse_args(arguments)
    try:
        return _run(find_gpu(), only_check=asked.only_check)
    except TvmBnnError as error:
        sys.stderr.write(f"benchmarks.gpu: error: {error}\nhint: {error.hint}\n")
        return error.exit_code


def _run(gpu: Gpu, *, only_check: bool) -> int:
    target = load("cuda")
    with tempfile.TemporaryDirectory() as folder:
        runner = LocalRunner(_SECONDS, Path(folder) / "log")
        try:
            checked = dict(_checked([*LAYERS.values(), *ODD, ATTENTION], target, runner))
            found = Findings(target.name, {}, checked)
            if found.wrong:
                raise NumericsError(f"expected the reference's bytes, got {found.wrong[0]}", "see the log of the tuner")
            if only_check:
                return 0
            found = replace(found, sanitizer=_sanitized(), peaks=_peaks(gpu), compared=list(_compared(target, runner)))
        finally:
            runner.close()
    sys.stderr.write(f"{write(replace(found, device=_device(gpu)), RESULTS)}\n")
    return 0


def results(operators: Iterable[Operator], target: Target, runner: LocalRunner) -> Iterator[tuple[Request, Result]]:
    """Every lowering of every operator at its default: compared with the reference, and timed."""
    for operator in operators:
        cores = target.cores or 1
        setting = Setting(operator, target, cores)
        requests = [
            Request(operator.signature, target.name, cores, row.lowering.name, row.space.default(setting).to_dict())
            for row in rows_for(operator, target)
        ]
        yield from runner.run_many(requests)


def _checked(operators: Iterable[Operator], target: Target, runner: LocalRunner) -> Iterator[tuple[str, str]]:
    for request, result in results(operators, target, runner):
        told = "ok" if "run_secs" in result else f"{result['failure']}: {result['message']}"
        sys.stderr.write(f"{request.lowering} {told}\n")
        yield f"{request.operator} {request.lowering}", told


def _sanitized() -> str | None:
    """What NVIDIA's checker of memory accesses finds while all kernels run once more."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        return None
    command = [program, "--target-processes", "all", "--error-exitcode", "9", sys.executable, "-m", "benchmarks.gpu"]
    ran = subprocess.run([*command, "--only-check"], capture_output=True, text=True, check=False)
    return "no errors" if ran.returncode == 0 else (ran.stdout + ran.stderr).strip().splitlines()[-1]


def _peaks(gpu: Gpu) -> dict[str, float]:
    threads = gpu.multiprocessors * BLOCKS_PER_MULTIPROCESSOR * THREADS
    return peaks(Driver(ctypes.CDLL("libcuda.so.1"), threads), gpu.arch, gpu.multiprocessors)


def _compared(target: Target, runner: LocalRunner) -> Iterator[Compared]:
    from benchmarks.gpu import torch_side as torch

    there = torch.is_there()
    for name, conv in MAPS.items():
        for batch in (1, 32):
            many = replace(conv, batch=batch)
            ours = _times([many], target, runner)
            yield Compared(f"{name}, batch {batch}", ours, torch.convolution_ms(many) if there else None)
    dense = torch.attention_ms(ATTENTION.height * ATTENTION.width, ATTENTION.value_channels) if there else None
    yield Compared("attention, 32768 tokens", _times([ATTENTION], target, runner), dense)
    yield _network(target, there)


def _times(operators: Sequence[Operator], target: Target, runner: LocalRunner) -> dict[str, float]:
    return {
        request.lowering: min(result["run_secs"]) * 1e3
        for request, result in results(operators, target, runner)
        if "run_secs" in result
    }


def _network(target: Target, there: bool) -> Compared:
    """From the picture on the GPU to the labels on the GPU."""
    from benchmarks.gpu import torch_side as torch
    from benchmarks.peers.cases import Network
    from tvm_bnn.graph.phases import compile_network
    from tvm_bnn.models.load import load as load_model
    from tvm_bnn.profiling.gpu_latency import measure_gpu
    from tvm_bnn.tuning.plan import choose
    from tvm_bnn.tuning.records import load_book

    model, cores = load_model("cityscapes", width="S", input_size=(1024, 2048)), target.cores or 1
    book, _ = load_book(target, [])
    shape = (1, *model.input_size, 3)
    compiled = compile_network(model.network, shape, target, cores, lambda one: choose(one, target, cores, book))
    total = float(measure_gpu(compiled, warmup=5, repeat=50).total.min())
    other = torch.network_ms(Network("cityscapes", "S", (1024, 2048))) if there else None
    return Compared("cityscapes S 1024x2048", {"whole": total}, other)


def _device(gpu: Gpu) -> dict[str, Any]:
    clocks = read_clocks()
    told = {"name": gpu.name, "architecture": gpu.arch, "multiprocessors": gpu.multiprocessors}
    return told | (clocks.model_dump() if clocks else {}) | {"versions": dict(versions())}


if __name__ == "__main__":
    raise SystemExit(main())
