"""Runs kernels under a tracer: ``python stepped.py KERNEL.so ...``, each beside the arrays ``KERNEL.npz``.

The process stops itself before and after every kernel. Outputs are arrays like the others: their contents are not used.
"""

import ctypes
import os
import signal
import sys

import numpy as np

from tvm_bnn.deploy.vm import on_threads, runtime

_TRACE_ME = 0


def main(paths: list[str]) -> None:
    tvm = runtime()
    calls = []
    for path in paths:
        with np.load(path.replace(".so", ".npz")) as arrays:
            arguments = [tvm.runtime.tensor(arrays[name]) for name in arrays.files]
        calls.append((tvm.runtime.load_module(path)["main"], arguments))
    with on_threads(1):
        for kernel, arguments in calls:
            kernel(*arguments)
        if ctypes.CDLL(None, use_errno=True).ptrace(_TRACE_ME, 0, 0, 0):
            sys.exit("refused")
        for kernel, arguments in calls:
            os.kill(os.getpid(), signal.SIGSTOP)
            kernel(*arguments)
            os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    main(sys.argv[1:])
