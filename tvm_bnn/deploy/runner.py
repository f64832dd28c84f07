"""Running bundles on this host, with TVM's runtime alone."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tvm_bnn.deploy.gpu import GpuNetwork
from tvm_bnn.deploy.host import check_host
from tvm_bnn.deploy.loading import Network, ffi, load_runtime
from tvm_bnn.deploy.machine_code import offer
from tvm_bnn.deploy.manifest import LIBRARY, RUNTIME, Manifest, read_manifest, verify_files
from tvm_bnn.deploy.seats import on_lasting_thread
from tvm_bnn.errors import UsageError
from tvm_bnn.threads import running_on

UInt8 = NDArray[np.uint8]

_ALIGNMENT = 64
"""Bytes; compiled code loads whole vectors."""


class Runner:
    """A loaded bundle; several threads may run pictures through it at the same time.

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
        self._idle: deque[_Input] = deque()

    @classmethod
    def load(cls, path: Path | str, threads: int | None = None) -> Self:
        """Check and load the bundle in a folder.

        Args:
            path: of the folder.
            threads: cores to use; by default as many as the bundle was compiled for.

        Raises:
            UsageError: not a bundle, a damaged one, one of another schema version, or fewer than one thread.
            ToolchainError: this CPU is another one or lacks a feature that the bundle needs, the kernel refuses AMX
                tiles to a bundle that uses them, the bundle's GPU is not here, or TVM's runtime is missing or another
                one.
        """
        folder = Path(path)
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        check_host(manifest.target, frozenset(manifest.requires), manifest.architecture, manifest.gpu)
        if threads is not None and threads < 1:
            raise UsageError(f"expected at least 1 thread, got {threads}", "pass --threads 1 or more")
        brought = folder / RUNTIME if manifest.brings_runtime else None
        tvm_ffi = load_runtime(manifest.libraries, brought, manifest.versions)
        if manifest.gpu is not None:
            offer(folder, tvm_ffi)
        library = tvm_ffi.load_module(str((folder / LIBRARY).resolve()))
        main = Network(library, tiles=manifest.amx_tiles) if manifest.gpu is None else GpuNetwork(library, tvm_ffi)
        return cls(manifest, main, threads or manifest.threads)

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
        return on_lasting_thread(lambda: self._run(image))

    def _run(self, image: UInt8) -> UInt8:
        with running_on(ffi(), self._threads):
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
        try:
            place = self._idle.pop()
        except IndexError:
            place = _Input(self.manifest.input.shape)
        place.array[0] = picture
        labels: UInt8 = np.from_dlpack(self._main(place.tensor))[0]
        self._idle.append(place)
        # The machine's memory is for its next call.
        return labels.copy()


class _Input:
    """Memory for a picture that compiled code reads: the same bytes as an array and as a tensor.

    New memory for each picture would take longer to get than to fill.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        size = math.prod(shape)
        space = np.empty(size + _ALIGNMENT, np.uint8)
        self.array: UInt8 = space[-space.ctypes.data % _ALIGNMENT :][:size].reshape(shape)
        self.tensor = ffi().from_dlpack(self.array)
