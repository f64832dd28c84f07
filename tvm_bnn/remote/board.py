"""What runs on a board: TVM's RPC server with functions of our own. ``python -m tvm_bnn.remote.board``.

It needs apache-tvm and the standard library, nothing else, so the file also runs when it is copied there alone. The
protocol has no authentication and gives whoever reaches it the rights of the server, so it listens on the loopback
interface only; an SSH tunnel brings the host there.

Texts cross RPC as JSON. A client arms a timer (``alarm``) before it asks for work: what does not come back, because a
kernel hangs or the client is gone, ends itself, and the board is free again.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PREFIX = "tvm_bnn.board."
"""Of the functions' names."""

PROTOCOL = 1
"""Goes up when the functions change."""

LOOPBACK = "127.0.0.1"

_CPU = "sys/devices/system/cpu/cpu0/cpufreq"
_TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"
_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
_AT_HWCAP = 16
_HWCAP = (
    *("fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "cpuid"),
    *("asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve", "asimdfhm"),
)
"""Bits of AT_HWCAP on 64-bit Arm, from the lowest, as Linux spells them (arch/arm64/include/uapi/asm/hwcap.h)."""

_ANY_CORE = 1
_BREATH = 2.0
"""Seconds between two attempts to reach a tracker that is not there."""


def facts(root: Path = Path("/")) -> dict[str, Any]:
    """What the board is; ``root`` is its file system."""
    fields = _cpuinfo(root)
    emulated = _emulated(root)
    model = _text(root / "proc/device-tree/model") or fields.get("Model") or fields.get("model name")
    name = (model or platform.machine()).strip("\0 ")
    return {
        "protocol": PROTOCOL,
        "model": f"emulated on {name}" if emulated else name,
        "host": platform.node(),
        "machine": platform.machine(),
        "bits": 8 * struct.calcsize("P"),
        "emulated": emulated,
        "features": _features(root, fields),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "tvm": importlib.metadata.version("apache-tvm"),
        "tvm_ffi": importlib.metadata.version("apache-tvm-ffi"),
    }


def state(root: Path = Path("/")) -> dict[str, Any]:
    """What changes from one measurement to the next: None where the board does not tell.

    ``throttled`` holds the firmware's flags: bits 0 to 3 are under-voltage, capped frequency, throttling and the soft
    limit of temperature, now; bits 16 to 19 are the same since the board was started.
    """
    kilohertz, millidegrees = _number(root / _CPU / "scaling_cur_freq"), _number(root / _TEMPERATURE)
    return {
        "governor": _text(root / _CPU / "scaling_governor") or None,
        "clock_mhz": None if kilohertz is None else kilohertz / 1e3,
        "temperature_c": None if millidegrees is None else millidegrees / 1e3,
        "throttled": _flags(root),
        "free_bytes": _free_bytes(root),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _cpuinfo(root: Path) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in _text(root / "proc/cpuinfo").splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _emulated(root: Path) -> bool:
    """Whether the kernel is one of another instruction set than this Python."""
    kernel, own = _text(root / "proc/sys/kernel/arch"), platform.machine()
    return bool(kernel) and own in ("aarch64", "x86_64") and kernel != own


def _features(root: Path, fields: dict[str, str]) -> list[str]:
    """CPU flags as Linux spells them; on Arm from the kernel itself, which an emulator answers for too."""
    if platform.machine() != "aarch64":
        return fields.get("flags", "").split()
    try:
        entries = dict(struct.iter_unpack("=QQ", (root / "proc/self/auxv").read_bytes()))
    except (OSError, struct.error):
        return fields.get("Features", "").split()
    bits = entries.get(_AT_HWCAP, 0)
    return [name for place, name in enumerate(_HWCAP) if bits >> place & 1]


def _flags(root: Path) -> int | None:
    """The firmware's flags, from its file or its program."""
    text = _text(root / _THROTTLED)
    program = shutil.which("vcgencmd")
    if not text and program:
        told = subprocess.run([program, "get_throttled"], capture_output=True, text=True, check=False).stdout
        text = told.strip().partition("=")[2]
    try:
        return int(text, 16)
    except ValueError:
        return None


def _free_bytes(root: Path) -> int | None:
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def alarm(seconds: int) -> None:
    """End this client's process after so many seconds, unless it is asked again before; 0 takes that back."""
    signal.alarm(int(seconds))


def threads(count: int) -> None:
    """Run kernels on so many threads; the caller keeps off the cores to which TVM ties its workers."""
    import tvm

    tvm.get_global_func("runtime.config_threadpool")(_ANY_CORE, count)
    cores = set(range(os.cpu_count() or 1))
    taken = _workers_cores() if count > 1 else set()
    os.sched_setaffinity(0, cores - taken or cores)


def _workers_cores() -> set[int]:
    """Cores to which another thread of this process is tied."""
    cores: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            tied = os.sched_getaffinity(int(task.name))
        except OSError:
            # It ended meanwhile.
            continue
        cores |= tied if len(tied) == 1 and int(task.name) != os.getpid() else set()
    return cores


def network(library: str) -> Callable[[Any], Any]:
    """The network of an uploaded library: one picture in, the result out."""
    main: Callable[[Any], Any] = _machine(library)["main"]
    return main


def stopwatch(library: str) -> Callable[[Any], str]:
    """What times the network of an uploaded library on one picture: from end to end, then call by call.

    The timing itself gives JSON: ``total`` in nanoseconds, and ``calls``, the [name, nanoseconds] of another pass.
    """
    plain, observed = _machine(library), _machine(library)
    calls: list[tuple[str, int]] = []
    _instrument(observed, calls)
    main, watched = plain["main"], observed["main"]

    def measured(picture: Any) -> str:
        # A board that has just waited for its client is not at speed yet.
        main(picture)
        began = time.perf_counter_ns()
        main(picture)
        total = time.perf_counter_ns() - began
        calls.clear()
        watched(picture)
        return json.dumps({"total": total, "calls": calls})

    return measured


def _instrument(machine: Any, calls: list[tuple[str, int]]) -> None:
    """Have every call of a virtual machine put into ``calls``; the time that this takes itself is left out."""
    began = 0

    def observe(_function: Any, name: str, before: bool, _result: Any, *_arguments: Any) -> None:
        nonlocal began
        ended = time.perf_counter_ns()
        if not before:
            calls.append((str(name), ended - began))
        began = time.perf_counter_ns()

    machine.set_instrument(observe)


def _machine(library: str) -> Any:
    import tvm

    module = tvm.runtime.load_module(tvm.get_global_func("tvm.rpc.server.workpath")(library))
    return tvm.relax.VirtualMachine(module, tvm.cpu())


def register() -> None:
    """Make the functions known to whoever connects."""
    import tvm_ffi

    functions: dict[str, Callable[..., Any]] = {
        "facts": lambda: json.dumps(facts()),
        "state": lambda: json.dumps(state()),
        "alarm": alarm,
        "threads": lambda count: threads(int(count)),
        "network": lambda library: network(str(library)),
        "stopwatch": lambda library: stopwatch(str(library)),
    }
    for name, function in functions.items():
        tvm_ffi.register_global_func(PREFIX + name, function, override=True)


def serve(tracker: tuple[str, int], key: str, port: int) -> None:
    """Offer the board under ``key`` until the process is ended.

    TVM's loop ends for good when a client's process does not end well; here it begins again.
    """
    from tvm.rpc.server import PopenRPCServerState

    home = os.getcwd()
    while True:
        try:
            server = PopenRPCServerState(LOOPBACK, port, port + 1, tracker_addr=tracker, key=key)
        except ValueError:
            sys.exit(f"port {port} is taken: is another server running?")
        server.thread.join()
        server.sock.close()
        # The loop has left this process in a folder that is about to vanish.
        os.chdir(home)
        time.sleep(_BREATH / 2)


def _unhurried(connect: Callable[..., Any]) -> Callable[..., Any]:
    """TVM's way to reach a tracker, without its haste where a tunnel takes connections and drops them."""

    def connected(*arguments: Any, **options: Any) -> Any:
        if connected.tried:  # type: ignore[attr-defined]
            time.sleep(_BREATH)
        connected.tried = True  # type: ignore[attr-defined]
        return connect(*arguments, **options)

    connected.tried = False  # type: ignore[attr-defined]
    return connected


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tvm_bnn.remote.board", description="Serve this board over RPC.")
    parser.add_argument("--tracker", required=True, metavar="HOST:PORT", help="where the tracker is reached from here")
    parser.add_argument("--key", required=True, help="what the board is registered as, such as rpi4")
    parser.add_argument("--port", type=int, default=9090, help="on the loopback interface; one for each board")
    wanted = parser.parse_args(arguments)
    host, _, port = wanted.tracker.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"--tracker: expected HOST:PORT, got '{wanted.tracker}'")
    # TVM would load torch, if there is one, and has no use for it here.
    sys.modules["torch"] = None  # type: ignore[assignment]
    # Every client gets a process that begins as a copy of this one.
    multiprocessing.set_start_method("fork")
    from tvm.rpc import base

    base.connect_with_retry = _unhurried(base.connect_with_retry)
    register()
    serve((host, int(port)), wanted.key, wanted.port)


if __name__ == "__main__":
    main()
