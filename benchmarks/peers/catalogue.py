"""The engines that are compared, and how each is started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

Home = Literal["ours", "peers", "lite"]

OURS = "ours"
OURS_STREAM = "ours, with stream"
"""With an int16 shortcut read, RPReLU, and stream and signs written: more than any peer is asked for."""

_NO_AMX = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}
_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


@dataclass(frozen=True)
class Engine:
    """One engine in one precision.

    Attributes:
        name: in tables.
        home: whose Python it runs in.
        module: of ``benchmarks.peers.engines``.
        options: for that module.
        environment: variables of its process.
        package: that must be installed.
    """

    name: str
    home: Home
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    package: str = ""

    def command(self, python: str, threads: int, options: Mapping[str, Any]) -> list[str]:
        """What starts its process; ``options`` come on top of its own."""
        told = json.dumps({**self.options, **options})
        return [python, "-m", "benchmarks.peers.server", self.module, str(threads), told]


def _openvino(precision: str, name: str = "", environment: Mapping[str, str] | None = None) -> Engine:
    package = "nncf" if precision == "int8" else "openvino"
    title = f"OpenVINO {name or precision}"
    return Engine(title, "peers", "openvino_engine", {"precision": precision}, environment or {}, package)


def _onnxruntime(precision: str) -> Engine:
    return Engine(
        f"onnxruntime {precision}", "peers", "onnxruntime_engine", {"precision": precision}, package="onnxruntime"
    )


def _torch(precision: str, name: str = "", environment: Mapping[str, str] | None = None) -> Engine:
    title = f"torch {name or precision}"
    return Engine(title, "peers", "torch_engine", {"precision": precision}, environment or {}, "torch")


_KERNEL = Engine(OURS, "ours", "ours")


def layer_engines(flags: Set[str]) -> list[Engine]:
    """For single layers, ours first.

    Args:
        flags: of the CPU, as Linux spells them.
    """
    return [
        _KERNEL,
        Engine(OURS_STREAM, "ours", "ours"),
        _openvino("binary", "binary 0/1"),
        *_openvino_int8(flags),
        *([_openvino("bf16")] if _has_bf16(flags) else []),
        _openvino("fp32"),
        _onnxruntime("int8"),
        _onnxruntime("fp32"),
        _torch("int8"),
        *([_torch("bf16")] if _has_bf16(flags) else []),
        _torch("fp32"),
        Engine("LiteRT int8", "lite", "lite_engine", {"engine": "litert"}, package="ai-edge-litert"),
        Engine("Larq Compute Engine", "lite", "lite_engine", {"engine": "larq"}, package="larq-compute-engine"),
    ]


def avx2_engines() -> list[Engine]:
    """For the code path of CPUs without AVX-512: torch as it likes, and held to the same instructions."""
    return [_KERNEL, _torch("fp32", "fp32, AVX2 only", _AVX2), _torch("fp32")]


def network_engines(flags: Set[str]) -> list[Engine]:
    """For the complete network."""
    return [
        _KERNEL,
        *_openvino_int8(flags),
        *([_openvino("bf16")] if _has_bf16(flags) else []),
        _openvino("fp32"),
        _onnxruntime("fp32"),
        *([_torch("bf16")] if _has_bf16(flags) else []),
        _torch("fp32"),
    ]


def _openvino_int8(flags: Set[str]) -> list[Engine]:
    without = [_openvino("int8", "int8, AMX off", _NO_AMX)] if "amx_int8" in flags else []
    return [_openvino("int8"), *without]


def _has_bf16(flags: Set[str]) -> bool:
    return bool(flags & {"avx512_bf16", "amx_bf16"})
