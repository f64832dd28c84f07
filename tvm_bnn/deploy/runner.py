"""Running bundles on this host."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any, Self

import numpy as np

from tvm_bnn.deploy.host import check_host
from tvm_bnn.deploy.manifest import LIBRARY, Manifest, read_manifest, verify_files
from tvm_bnn.deploy.vm import UInt8, machine, on_threads, runtime, tensor
from tvm_bnn.errors import ToolchainError, UsageError


class Runner:
    """A loaded bundle.

    Use :meth:`load`; nothing of a bundle is executed before its files, this host and the versions have been checked.

    Args:
        manifest: of the bundle.
        main: the network: one picture as a tensor in, the result out.
        threads: cores to use.
    """

    def __init__(self, manifest: Manifest, main: Any, threads: int) -> None:
        self.manifest = manifest
        self._main = main
        self._threads = threads

    @classmethod
    def load(cls, path: Path | str, threads: int | None = None) -> Self:
        """Check and load the bundle in a folder.

        Args:
            path: of the folder.
            threads: cores to use; by default as many as the bundle was compiled for.

        Raises:
            UsageError: not a bundle, a damaged one, one of another schema version, or fewer than one thread.
            ToolchainError: this CPU lacks a feature that the bundle needs, the kernel refuses AMX tiles to a bundle
                that uses them, or another TVM is installed.
        """
        folder = Path(path)
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        check_host(manifest.target, frozenset(manifest.requires))
        _check_tvm(manifest)
        if threads is not None and threads < 1:
            raise UsageError(f"expected at least 1 thread, got {threads}", "pass --threads 1 or more")
        library = runtime().runtime.load_module(str((folder / LIBRARY).resolve()))
        return cls(manifest, machine(library, tiles=manifest.amx_tiles)["main"], threads or manifest.threads)

    def run(self, image: UInt8) -> UInt8:
        """Labels of every pixel.

        Args:
            image: uint8 [H, W, 3] or [N, H, W, 3] in RGB, of the network's size.

        Returns:
            uint8 [H, W] or [N, H, W].

        Raises:
            UsageError: another shape or dtype, or a network that yields no labels.
        """
        self._check(image)
        with on_threads(self._threads):
            if image.ndim == 3:
                return self._one(image)
            return np.stack([self._one(picture) for picture in image])

    def _check(self, image: UInt8) -> None:
        one = self.manifest.input.shape[1:]
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            got = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
            raise UsageError(f"image: expected an array of uint8, got {got}", "pass RGB values 0..255 as uint8")
        if image.shape[-3:] != one or image.ndim not in (3, 4) or not image.size:
            raise UsageError(
                f"image: expected shape {list(one)} or {['N', *one]}, got {list(image.shape)}",
                "resize it first; see tvm_bnn.data.picture.resize_to",
            )
        output = self.manifest.output
        if (output.dtype, output.layout) != ("uint8", "NHW"):
            raise UsageError(
                f"expected a network that yields labels, got one that yields {output.dtype} {output.layout}",
                "end the network with tvm_bnn.nn.UpsampleScores",
            )

    def _one(self, picture: UInt8) -> UInt8:
        labels: UInt8 = self._main(tensor(picture[None])).numpy()[0]
        return labels


def _check_tvm(manifest: Manifest) -> None:
    """The library speaks to the TVM that wrote it; another one may crash on it."""
    wanted, found = manifest.versions.get("tvm"), importlib.metadata.version("apache-tvm")
    if wanted != found:
        raise ToolchainError(
            f"bundle for apache-tvm {wanted}, got {found}", f"pip install apache-tvm=={wanted}, or compile it again"
        )
