"""Whether this machine has what tvm-bnn needs, check by check, without loading any of it into this process."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tvm_bnn import __version__
from tvm_bnn.deploy.link import INSTALL_COMPILER, cross_linker, cxx_compiler, install_linker
from tvm_bnn.errors import TvmBnnError
from tvm_bnn.estimation.mca import find_mca
from tvm_bnn.targets import cpu_model, load, logical_cores, resolve_host
from tvm_bnn.targets.calibration import COMMAND, read_calibration

PINS = {"apache-tvm": "0.27.0.post1", "apache-tvm-ffi": "0.1.14.post1", "torch": "2.13.0"}
"""Packages that must be of this very version."""

RANGES = {
    "numpy": ((2, 1), (3,)),
    "xgboost": ((2, 1), (4,)),
    "pydantic": ((2, 8), (3,)),
    "pillow": ((11,), (14,)),
    "safetensors": ((0, 5), (1,)),
}
"""Packages with the least version and the first that is too new."""

BOARD_RANGES = {"unicorn": ((2, 1), (3,)), "capstone": ((5,), (6,)), "pyelftools": ((0, 31), (1,))}
"""The same of those with which a board's latency is estimated; nothing else needs them."""

BOARD_TRIPLE = "aarch64-linux-gnu"
PYTHON = (3, 11)
_BOARD_EXTRA = "pip install 'tvm-bnn[rpi]'"
_REINSTALL = "pip install --force-reinstall tvm-bnn"
_SECONDS = 120
# Saving a module is what crashes with a mismatched FFI, and tuning does it for every task.
_PROBE = """
import sys
sys.modules["torch"] = None
import tvm
from tvm import te
x = te.placeholder((64,), "int32", "x")
function = te.create_prim_func([x, te.compute((64,), lambda i: te.popcount(x[i]), "y")])
module = tvm.ir.IRModule({"main": function.with_attr("global_symbol", "main")})
tvm.ir.save_json(module)
tvm.compile(module, target="llvm")
"""


@dataclass(frozen=True)
class Check:
    """One thing that has to be so.

    Attributes:
        name: what is looked at.
        ok: whether it is as it should be; what only some need may be absent.
        found: what is there.
        hint: what to do if it is not, or to have what is absent; empty otherwise.
    """

    name: str
    ok: bool
    found: str
    hint: str = ""


def examine() -> Iterator[Check]:
    """All checks but that of the calibration.

    The last one builds a small kernel in a process of its own and takes some seconds.
    """
    yield Check("tvm-bnn", True, __version__)
    yield _python()
    yield Check("machine", True, f"{cpu_model()}, {logical_cores()} cores, {platform.system()} {platform.machine()}")
    yield _target()
    yield _gpu()
    for package, version in PINS.items():
        yield _pinned(package, version)
    for package, (least, beyond) in RANGES.items():
        yield _ranged(package, least, beyond)
    yield _compiler()
    yield from _boards()
    yield _kernel()


def calibration() -> Check:
    """Whether rooflines use peaks that were measured on this machine; only a file that is damaged is a fault."""
    name, measure = "calibration", f"`{COMMAND}` measures this machine"
    try:
        found = read_calibration(resolve_host().name)
    except TvmBnnError as error:
        return Check(name, False, error.message, error.hint or "")
    if found is None:
        return Check(name, True, f"none, peaks are those of the target file; {measure}")
    if found.cpu != cpu_model():
        return Check(name, True, f"of another CPU, {found.cpu}, and not used; {measure}")
    return Check(name, True, f"of this machine, {found.date}")


def _python() -> Check:
    ok = sys.version_info >= PYTHON
    wanted = ".".join(map(str, PYTHON))
    return Check("python", ok, platform.python_version(), "" if ok else f"install Python {wanted} or later")


def _target() -> Check:
    try:
        target = resolve_host()
    except TvmBnnError as error:
        return Check("target cpu", False, error.message, error.hint or "")
    return Check("target cpu", True, f"{target.name}: {target.description}")


def _gpu() -> Check:
    """What only some work needs: its absence is no fault."""
    name = "target cuda"
    try:
        target = load("cuda")
    except TvmBnnError as error:
        return Check(name, True, error.message, error.hint or "")
    return Check(name, True, f"{target.name}: {target.description}")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _pinned(package: str, wanted: str) -> Check:
    found = _version(package)
    # A build of torch for another device carries its name after a plus sign.
    ok = found is not None and found.partition("+")[0] == wanted
    return Check(package, ok, found or "not installed", "" if ok else f"pip install {package}=={wanted}")


def _ranged(package: str, least: tuple[int, ...], beyond: tuple[int, ...]) -> Check:
    found = _version(package)
    ok = found is not None and least <= _numbers(found) < beyond
    low, high = (".".join(map(str, bound)) for bound in (least, beyond))
    return Check(package, ok, found or "not installed", "" if ok else f"pip install '{package}>={low},<{high}'")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0]))


def _compiler() -> Check:
    path = cxx_compiler()
    if path is None:
        return Check("C++ compiler", False, "none", INSTALL_COMPILER)
    return _running("C++ compiler", [path], INSTALL_COMPILER)


def _boards() -> Iterator[Check]:
    """What only work for boards needs: a fault in it is told, and is no reason to fail."""
    linker, get = cross_linker(BOARD_TRIPLE), install_linker(BOARD_TRIPLE)
    yield _program(f"linker for {BOARD_TRIPLE}", linker[:-1] if linker else [], "for boards", get)
    for package, (least, beyond) in BOARD_RANGES.items():
        found = _ranged(package, least, beyond)
        yield found if found.ok else replace(found, ok=True, hint=_BOARD_EXTRA)
    mca, qemu = find_mca(), shutil.which("qemu-aarch64")
    yield _program("llvm-mca", [str(mca)] if mca else [], "to cross-check estimates", "install the package llvm")
    yield _program("qemu-aarch64", [qemu] if qemu else [], "to emulate a board", "install the package qemu-user")


def _program(name: str, command: list[str], use: str, hint: str) -> Check:
    if not command:
        return Check(name, True, f"none; only {use}", hint)
    return replace(_running(name, command, hint), ok=True)


def _running(name: str, command: list[str], hint: str) -> Check:
    """A program is asked for its version: one that does not run would fail in the middle of the work."""
    shown = " ".join(command)
    try:
        ran = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, False, f"{shown}: {error}", hint)
    return Check(name, True, f"{shown}: {(ran.stdout.splitlines() or ['no version'])[0]}")


def _kernel() -> Check:
    command = [sys.executable, "-W", "ignore", "-c", _PROBE]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Check("kernel", False, f"not built within {_SECONDS} s", "try again on an idle machine")
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"the process ended with code {ran.returncode}"
        return Check("kernel", False, reason, _REINSTALL)
    return Check("kernel", True, "builds")
