"""Asking Linux for the tiles of AMX: their state is large, so the system gives it only to processes that ask."""

from __future__ import annotations

import ctypes
import platform

from tvm_bnn.errors import ToolchainError

# Documentation/arch/x86/xstate.rst of Linux; the numbers of asm/unistd_64.h and asm/prctl.h.
_ARCH_PRCTL = 158
_ARCH_REQ_XCOMP_PERM = 0x1023
_XFEATURE_XTILEDATA = 18


def request_permission() -> bool:
    """Whether this process may use tiles: asks for all its threads, and again is harmless.

    Code with tiles stops a process that has not asked. The answer is no on other systems and processors, and where
    the kernel is older than 5.16 or refuses.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    numbers = (ctypes.c_long(n) for n in (_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA))
    return int(ctypes.CDLL(None).syscall(*numbers)) == 0


def require_permission() -> None:
    """Ask for tiles and insist.

    Raises:
        ToolchainError: the kernel or the CPU refuses.
    """
    if not request_permission():
        raise ToolchainError(
            "expected permission to use AMX tiles, got a refusal from this kernel or CPU",
            "run it with Linux 5.16 or newer on a CPU with AMX, or compile for another target, such as x86-avx512",
        )
