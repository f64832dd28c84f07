"""Prepare the emulated board: ``python -m tests.emulated.prepare``, on a Debian machine with qemu-user.

A Python for 64-bit Arm with the same TVM as here, run by ``qemu-aarch64`` as a Cortex-A72. Debian's packages are
unpacked into a folder, neither installed nor registered: apt is told of another architecture and other folders, so
that this machine's own packages stay as they are. The wheels are those of ``constraints.txt``. What is there already
is not fetched again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "emulated-board"
PYTHON = FOLDER / "python"
"""Starts the board's Python, and is what that Python takes for itself when it starts another one."""

_WHEELS = ("apache-tvm", "apache-tvm-ffi", "numpy", "ml-dtypes", "typing-extensions", "psutil", "cloudpickle")
"""Everything that `apache-tvm[popen-pool,rpc]` needs but the tracker's tornado."""

_PLATFORMS = (*(f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 24, 17)), "manylinux2014_aarch64")
_TOOLS = {"qemu-aarch64": "qemu-user", "apt-get": "apt", "dpkg": "dpkg"}

_APT = """\
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
Dir::State "{state}";
Dir::State::status "{state}/status";
Dir::Cache "{state}/cache";
Debug::NoLocking "true";
"""

_WRAPPER = """\
#!/bin/sh
exec {qemu} -cpu cortex-a72 -0 {python} -L {root} -E PYTHONHOME={root}/usr -E PYTHONPATH={packages}:{sources} \\
    {root}/usr/bin/python{version} "$@"
"""


def main() -> None:
    """Prepare, and say where the board's Python is."""
    missing = [f"{tool} (package {package})" for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if missing:
        sys.exit(f"the emulated board needs {', '.join(missing)}")
    if not _is_prepared():
        shutil.rmtree(FOLDER, ignore_errors=True)
        version = _unpack_python(FOLDER / "apt", FOLDER / "root")
        _fetch_packages(FOLDER / "packages", version)
        _write_wrapper(version)
        (FOLDER / "prepared.json").write_text(json.dumps(_wanted()))
    found = _output([PYTHON, "-c", "import platform, tvm; print(platform.machine(), tvm.__version__)"], os.environ)
    _say(f"{PYTHON}: {found.strip()}")


def _wanted() -> dict[str, str]:
    """What is to be prepared again if it changes."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {line.partition("==")[0]: line for line in lines if line.partition("==")[0] in _WHEELS} | {
        "script": Path(__file__).read_text(encoding="utf-8")
    }


def _is_prepared() -> bool:
    try:
        return bool(json.loads((FOLDER / "prepared.json").read_text()) == _wanted())
    except (OSError, ValueError):
        return False


def _unpack_python(state: Path, root: Path) -> str:
    """The Python of this machine's Debian release, for 64-bit Arm; its version."""
    (state / "cache" / "archives" / "partial").mkdir(parents=True)
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "status").touch()
    (state / "apt.conf").write_text(_APT.format(state=state))
    environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf")}
    _say("fetching lists of packages for arm64 from this machine's package sources")
    # A source of something else may have nothing for this architecture; what is missing shows below.
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    policy = _output(["apt-cache", "policy", "python3"], environment)
    found = re.search(r"Candidate: (3\.\d+)", policy)
    if found is None:
        sys.exit(f"expected a Python for arm64 from this machine's package sources, got: {policy.strip() or 'none'}")
    packages = [f"python{found[1]}-minimal", f"libpython{found[1]}-stdlib", "libstdc++6"]
    _say(f"fetching {', '.join(packages)} and what they need, about 16 MB, and unpacking them")
    _output(["apt-get", "-qq", "-y", "--download-only", "--no-install-recommends", "install", *packages], environment)
    for archive in sorted((state / "cache" / "archives").glob("*.deb")):
        _output(["dpkg", "-x", archive, root], environment)
    return found[1]


def _fetch_packages(folder: Path, version: str) -> None:
    """The board's wheels, with the versions of ``constraints.txt``."""
    _say(f"fetching wheels for aarch64, about 115 MB: {', '.join(_WHEELS)}")
    platforms = [part for name in _PLATFORMS for part in ("--platform", name)]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", version, *platforms, "--target", str(folder)]
    subprocess.run([*command, "-c", ROOT / "constraints.txt", *_WHEELS], check=True)


def _write_wrapper(version: str) -> None:
    text = _WRAPPER.format(
        qemu=shutil.which("qemu-aarch64"),
        python=PYTHON,
        root=FOLDER / "root",
        packages=FOLDER / "packages",
        sources=ROOT,
        version=version,
    )
    PYTHON.write_text(text)
    PYTHON.chmod(0o755)


def _output(command: Sequence[str | Path], environment: os._Environ[str] | dict[str, str]) -> str:
    ran = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
