"""CUDA kernels on a CPU: the very source that TVM writes, compiled by the host's C++ compiler, its threads in turns."""

import ctypes
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.strategies import random_inputs
from tvm_bnn._tvm import build, cuda_sources, tirx, tvm
from tvm_bnn.deploy.link import cxx_compiler
from tvm_bnn.lowering.registry import Row
from tvm_bnn.ops import Operator
from tvm_bnn.ops.tensors import Array
from tvm_bnn.spaces.base import Point, Setting
from tvm_bnn.targets import Target

HEADER = Path(__file__).with_name("emulated_cuda.h")


@dataclass(frozen=True)
class Program:
    """What a compiled function is made of: its source, and how its host part launches the kernels."""

    source: str
    host: Any


def program(function: Any, target: Target) -> Program:
    """Compile a scheduled function, without a CUDA compiler."""
    split: list[Any] = []
    packed = tirx.transform.MakePackedAPI

    def recorded() -> Any:
        @tvm.transform.module_pass(opt_level=0)
        def record(module: Any, _: Any) -> Any:
            split.append(module)
            return packed()(module)

        return record

    with mock.patch.object(tirx.transform, "MakePackedAPI", recorded):
        (source,) = cuda_sources(build(function, target.tvm_target(1)).mod)
    return Program(source, split[0]["main"])


def compare(row: Row, operator: Operator, target: Target, point: Point | None = None) -> None:
    """The kernels of a row, by default or at a point, write the reference's bytes."""
    compare_arrays(row, operator, target, random_inputs(operator, np.random.default_rng(5)), point)


def compare_arrays(row: Row, operator: Operator, target: Target, arrays: list[Array], point: Point | None) -> None:
    """The same for these inputs."""
    setting = Setting(operator, target, 1)
    outputs = [np.full(spec.shape, 85, spec.dtype) for spec in operator.outputs()]
    function = row.space.scheduled(
        row.lowering.function(operator, target), setting, row.space.default(setting) if point is None else point
    )
    run(program(function, target), [*row.lowering.pack_inputs(operator, target, arrays), *outputs])
    for spec, want, got in zip(operator.outputs(), operator.reference(*arrays), outputs, strict=True):
        np.testing.assert_array_equal(got, want, f"{row.lowering.name} {point} {spec.name} of {operator.label()}")


def run(compiled: Program, arrays: Sequence[Array]) -> None:
    """Run it once; what it writes is written back to the arrays."""
    compiler = cxx_compiler()
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "kernel.cpp"), Path(folder, "kernel.so")
        source.write_text(_translation(compiled))
        command = [compiler, "-O1", "-w", "-shared", "-fPIC", "-fwrapv", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        ctypes.CDLL(str(library)).run((ctypes.c_void_p * len(pointers))(*pointers))


def launches(compiled: Program) -> int:
    """How many kernels the host launches."""
    return sum(_is_launch(node) for node in _statements(compiled.host.body))


def scratch(compiled: Program) -> int:
    """How many buffers the kernels share in memory that are neither inputs nor outputs."""
    return sum(type(node).__name__ == "AllocBuffer" for node in _statements(compiled.host.body))


def _is_launch(node: Any) -> bool:
    return type(node).__name__ == "Evaluate" and str(node.value.op.name) == "tirx.call_ffi_kernel"


def _translation(compiled: Program) -> str:
    """The source, with a function that launches what the host would launch."""
    # Between the helpers and the kernels lies what TVM includes.
    helpers, _, rest = compiled.source.partition("#ifdef __CUDACC_RTC__")
    source = helpers + rest[rest.index('extern "C" __global__') :]
    # C++ wants the two the other way round.
    source = re.sub(r"__shared__ (alignas\(\d+\))", r"\1 __shared__", source)
    held = {hash(parameter): f"arguments[{i}]" for i, parameter in enumerate(compiled.host.params)}
    declared, made, launches = list[str](), list[str](), list[str]()
    for node in _statements(compiled.host.body):
        kind = type(node).__name__
        if kind == "DeclBuffer":
            held[hash(node.buffer)] = held[hash(node.data.args[0])]
        elif kind == "AllocBuffer":
            name = held[hash(node.buffer)] = f"scratch{len(made)}"
            size = " * ".join(["8", *(str(int(extent)) for extent in node.buffer.shape)])
            declared.append(f"static void* {name};")
            made.append(f"  {name} = malloc({size});")
        elif _is_launch(node):
            declared.append(_launched(source, node.value, held, len(launches)))
            launches.append(f"  {_launch(source, node.value, len(launches))}")
    head = [f'#include "{HEADER}"', "static void** arguments;", source, *declared]
    run_all = ['extern "C" void run(void** given) {', "  arguments = given;", *made, *launches, "}", ""]
    return "\n".join([*head, *run_all])


def _launched(source: str, call: Any, held: Mapping[int, str], number: int) -> str:
    """A function that a thread of the kernel runs."""
    kernel = str(call.args[0].value)
    types = _types(source, kernel)
    pointers = [held[hash(argument.args[0])] for argument in call.args[1 : 1 + len(types)]]
    passed = ", ".join(f"({kind}){pointer}" for kind, pointer in zip(types, pointers, strict=True))
    return f"static void thread{number}() {{ {kernel}({passed}); }}"


def _launch(source: str, call: Any, number: int) -> str:
    extents = call.args[1 + len(_types(source, str(call.args[0].value))) :]
    sizes = dict(zip(map(str, call.attrs.launch_params), map(int, extents), strict=True))
    grid, block = (
        "Dim3{" + ", ".join(str(sizes.get(f"{kind}.{axis}", 1)) for axis in "xyz") + "}"
        for kind in ("blockIdx", "threadIdx")
    )
    return f"run_grid({grid}, {block}, thread{number});"


def _statements(body: Any) -> Iterator[Any]:
    """All of a host function, in order; it has no loops."""
    yield body
    for inner in [*getattr(body, "seq", ()), *([body.body] if hasattr(body, "body") else [])]:
        yield from _statements(inner)


def _types(source: str, kernel: str) -> list[str]:
    """Of the parameters of a kernel."""
    found = re.search(rf"\b{kernel}\(([^)]*)\)", source)
    assert found
    return [part.strip().rsplit("*", 1)[0] + "*" for part in found[1].split(",")]
