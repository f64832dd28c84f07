"""What the machine is, whether it is the right one, and its clocks."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def machine(root: Path = Path("/")) -> dict[str, Any]:
    """What this machine is, as far as its CPU goes; ``root`` is its file system."""
    text = _text(root / "proc/cpuinfo")
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    fields = [(key.strip(), value.strip()) for key, value in pairs]
    flags = [set(value.split()) for key, value in fields if key in ("flags", "Features")]
    named = dict(fields)
    board = _text(root / "proc/device-tree/model").strip("\0 ")
    return {
        "model": board or named.get("model name") or named.get("Model") or platform.machine(),
        "host": platform.node(),
        "architecture": _architecture(platform.machine()),
        "emulated": _architecture(_text(root / "proc/sys/kernel/arch")) not in ("", _architecture(platform.machine())),
        "features": sorted(set.intersection(*flags)) if flags else [],
        "parts": sorted({value for key, value in fields if key == "CPU part"}),
        "cores": cores(),
        "python": platform.python_version(),
    }


def unfit(found: Mapping[str, Any], needs: Mapping[str, Any]) -> str:
    """Why a machine is not the one that candidates were built for, in one line; empty if it is.

    Args:
        found: of :func:`machine`, with what the measuring process adds: ``tvm``, ``tvm_ffi`` and ``gpu``.
        needs: ``target``, ``device``, ``architecture``, ``features``, ``parts``, ``compute_capability``, ``threads``
            and the ``versions`` of TVM's packages.
    """
    name = f"target {needs['target']}"
    if found["emulated"]:
        return f"{name}: expected a machine of its own, got an emulated one, whose times are no latencies"
    if found["architecture"] != needs["architecture"]:
        return f"{name}: expected {needs['architecture']}, got {found['architecture']}"
    for package, version in needs["versions"].items():
        if found[package] != version:
            return f"{name}: expected {package} {version}, got {found[package]}"
    return _unfit_gpu(name, found, needs) if needs["device"] == "cuda" else _unfit_cpu(name, found, needs)


def _unfit_gpu(name: str, found: Mapping[str, Any], needs: Mapping[str, Any]) -> str:
    gpu, wanted = found["gpu"], needs["compute_capability"]
    if gpu is None:
        return f"{name}: expected a GPU of compute capability {wanted}, got none (TVM needs the driver and libcudart)"
    if gpu["compute_capability"] != wanted:
        return f"{name}: expected compute capability {wanted}, got {gpu['compute_capability']} ({gpu['name']})"
    return ""


def _unfit_cpu(name: str, found: Mapping[str, Any], needs: Mapping[str, Any]) -> str:
    missing = sorted(set(needs["features"]) - set(found["features"]))
    if missing:
        return f"{name}: expected a CPU with {', '.join(missing)}, got one without ({found['model']})"
    kinds = set(found["parts"])
    if needs["parts"] and not (kinds and kinds <= set(needs["parts"])):
        told = ", ".join(sorted(kinds)) or "none"
        return f"{name}: expected CPU part {', '.join(needs['parts'])}, got {told} ({found['model']})"
    if found["cores"] < needs["threads"]:
        return f"{name}: expected {needs['threads']} cores for as many threads, got {found['cores']}"
    return ""


def _architecture(name: str) -> str:
    lower = name.strip().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(lower, lower)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def cores() -> int:
    """How many logical cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_state(root: Path = Path("/")) -> dict[str, Any]:
    """Clock in MHz and temperature in degrees Celsius now; without those that the machine does not tell."""
    kilohertz = _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    millidegrees = _text(root / "sys/class/thermal/thermal_zone0/temp")
    lines = _text(root / "proc/cpuinfo").splitlines()
    megahertz = [float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")]
    clock = int(kilohertz) / 1e3 if kilohertz.isdigit() else max(megahertz, default=None)
    heat = int(millidegrees) / 1e3 if millidegrees.isdigit() else None
    return {key: value for key, value in (("clock_mhz", clock), ("temperature_c", heat)) if value is not None}


_GPU_STATE = {
    "clock_mhz": "clocks.sm",
    "memory_clock_mhz": "clocks.mem",
    "most_clock_mhz": "clocks.max.sm",
    "temperature_c": "temperature.gpu",
    "power_w": "power.draw",
}


def gpu_state(device: int) -> dict[str, Any]:
    """Clocks, temperature and power of a GPU now, as its driver tells them; empty where it does not."""
    told = smi(device, ",".join(_GPU_STATE.values()))
    pairs = zip(_GPU_STATE, told, strict=False)
    return {key: float(value) for key, value in pairs if value.replace(".", "", 1).isdigit()}


def smi(device: int, query: str) -> list[str]:
    """Answers of ``nvidia-smi``, which counts all GPUs, and not only those that this process may see."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    shown = seen.split(",")[device].strip() if seen and device < len(seen.split(",")) else str(device)
    command = ["nvidia-smi", f"--id={shown}", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [part.strip() for part in told.stdout.strip().split(",")] if not told.returncode else []
