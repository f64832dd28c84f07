"""The packages that TVM's runtime comes in: installed here, installed into a folder, or as wheels."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.targets import host_architecture

PACKAGES = ("apache-tvm", "apache-tvm-ffi")

# What the aarch64 and x86_64 wheels of the two are tagged with.
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")


class Package(Protocol):
    """The files of one package, by their places in its wheel."""

    def names(self) -> list[str]:
        """All of them, sorted."""

    def read(self, name: str) -> bytes:
        """The contents of one; KeyError where it is not there."""


class _Installed:
    """A package that pip has installed into ``folder``."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.folder = folder
        record = (folder / f"{stem}.dist-info" / "RECORD").read_text(encoding="utf-8")
        self._names = sorted(line.split(",")[0] for line in record.splitlines())

    def names(self) -> list[str]:
        return self._names

    def read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise KeyError(name) from error


class _Wheel:
    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as archive:
            self._names = sorted(archive.namelist())

    def names(self) -> list[str]:
        return self._names

    def read(self, name: str) -> bytes:
        with self._open() as archive:
            return archive.read(name)

    def _open(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            raise UsageError(f"expected a wheel, got a damaged file at '{self.path}'", "fetch it again") from error


def installed_packages() -> dict[str, Package]:
    """The packages that this process uses."""
    return {name: _Installed(_place_of(name), _stem(name)) for name in PACKAGES}


def packages_in(folder: Path, architecture: str) -> dict[str, Package]:
    """The packages in a folder, of the versions that are used here.

    Args:
        folder: holds wheels, or what `pip install --target` has made of them.
        architecture: of the wheels, such as `aarch64`.

    Raises:
        UsageError: one is missing or damaged.
    """
    return {name: _package_in(folder, name, architecture) for name in PACKAGES}


def fetched_packages(architecture: str, report: Callable[[str], None]) -> dict[str, Package]:
    """The packages for another instruction set, from where pip finds packages; what is there already is kept.

    Raises:
        ToolchainError: pip does not get them.
    """
    folder = cache(architecture)
    with suppress(UsageError):
        return packages_in(folder, architecture)
    report(f"fetching TVM's runtime for {architecture} with pip, about 98 MB, into {folder}")
    platforms = [part for name in _PLATFORMS for part in ("--platform", f"{name}_{architecture}")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *platforms]
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in PACKAGES]
    ran = subprocess.run([*command, "--dest", str(folder), *wanted], capture_output=True, text=True, check=False)
    if ran.returncode:
        told = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise ToolchainError(
            f"expected wheels of {' and '.join(wanted)} for {architecture}, got: {told[-1]}",
            "fetch them elsewhere and name their folder with --runtime-wheels",
        )
    return packages_in(folder, architecture)


def for_architecture(
    architecture: str, folder: Path | None, report: Callable[[str], None] = lambda line: None
) -> Mapping[str, Package]:
    """The packages for an instruction set: from a folder, else those installed here, else fetched."""
    if folder is not None:
        return packages_in(folder, architecture)
    return installed_packages() if architecture == host_architecture() else fetched_packages(architecture, report)


def _place_of(name: str) -> Path:
    return Path(str(importlib.metadata.distribution(name).locate_file("")))


def _stem(name: str) -> str:
    """What a package's wheel and its folder of metadata begin with."""
    return f"{name.replace('-', '_')}-{importlib.metadata.version(name)}"


def _package_in(folder: Path, name: str, architecture: str) -> Package:
    stem = _stem(name)
    if (folder / f"{stem}.dist-info" / "RECORD").is_file():
        return _Installed(folder, stem)
    wheels = sorted(folder.glob(f"{stem}-*{architecture}*.whl"))
    if not wheels:
        raise UsageError(
            f"--runtime-wheels: expected {stem}-*{architecture}.whl in '{folder}', got none",
            f"pip download --no-deps --platform manylinux_2_28_{architecture} --dest '{folder}' "
            f"{name}=={importlib.metadata.version(name)}",
        )
    return _Wheel(wheels[-1])


def cache(architecture: str) -> Path:
    """The folder of fetched wheels."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "tvm-bnn" / "wheels" / architecture
