"""What the emulator and the calling convention of an instruction set are told apart by."""

from __future__ import annotations

import importlib
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from tvm_bnn.estimation.core import Architecture
from tvm_bnn.estimation.decode import disassembler

_DOT_PRODUCTS = "asimddp"


@dataclass(frozen=True)
class Processor:
    """An emulated processor.

    Attributes:
        architecture: instruction set.
        engine: the emulator, without memory.
        arguments: registers of integer arguments, in order.
        result: register of an integer result.
        stack: register.
        counter: register of the next instruction's address.
        link: register of the return address; None where it lies on the stack.
        scratch: register that a jump of ``jump`` goes through.
        back: instruction that returns to the caller.
        jump: instruction that jumps to ``scratch``.
        branches: mnemonics that end a basic block; all that begin with such a word and a full stop too.
    """

    architecture: Architecture
    engine: Any
    arguments: tuple[int, ...]
    result: int
    stack: int
    counter: int
    link: int | None
    scratch: int
    back: bytes
    jump: bytes
    branches: frozenset[str]

    def ends_block(self, code: bytes) -> bool:
        """Whether the last of these instructions may go elsewhere than to the next one."""
        tail = code[-4:] if self.architecture == "aarch64" else code
        mnemonics = [mnemonic for _, _, mnemonic, _ in disassembler(self.architecture).disasm_lite(tail, 0)]
        return bool(mnemonics) and mnemonics[-1].partition(".")[0] in self.branches


def emulator() -> Any:
    """The package that emulates."""
    return importlib.import_module("unicorn")


def processor_for(architecture: Architecture, extensions: Set[str]) -> Processor:
    """A new processor.

    Args:
        architecture: instruction set. x86-64 stops at SSE 4.2: the emulator has no AVX.
        extensions: what code may use beyond the common part, as Linux spells it in /proc/cpuinfo.
    """
    return _aarch64(extensions) if architecture == "aarch64" else _x86_64()


def _aarch64(extensions: Set[str]) -> Processor:
    from unicorn import arm64_const as arm

    unicorn = emulator()
    engine = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    # Of the emulator's models only `max` has dot products.
    dotting = _DOT_PRODUCTS in extensions
    engine.ctl_set_cpu_model(arm.UC_CPU_ARM64_MAX if dotting else arm.UC_CPU_ARM64_A72)
    # CPACR_EL1.FPEN: vector instructions are not trapped.
    engine.reg_write(arm.UC_ARM64_REG_CPACR_EL1, 0b11 << 20)
    return Processor(
        architecture="aarch64",
        engine=engine,
        arguments=tuple(getattr(arm, f"UC_ARM64_REG_X{number}") for number in range(8)),
        result=arm.UC_ARM64_REG_X0,
        stack=arm.UC_ARM64_REG_SP,
        counter=arm.UC_ARM64_REG_PC,
        link=arm.UC_ARM64_REG_LR,
        scratch=arm.UC_ARM64_REG_X16,
        back=bytes.fromhex("c0035fd6"),
        jump=bytes.fromhex("00021fd6"),
        branches=frozenset({"b", "bl", "br", "blr", "ret", "cbz", "cbnz", "tbz", "tbnz"}),
    )


def _x86_64() -> Processor:
    from unicorn import x86_const as x86

    unicorn = emulator()
    engine = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    engine.ctl_set_cpu_model(x86.UC_CPU_X86_NEHALEM)
    # OSFXSR and OSXMMEXCPT: there are vector registers, which an operating system would say.
    engine.reg_write(x86.UC_X86_REG_CR4, engine.reg_read(x86.UC_X86_REG_CR4) | 0b11 << 9)
    arguments = ("RDI", "RSI", "RDX", "RCX", "R8", "R9")
    return Processor(
        architecture="x86-64",
        engine=engine,
        arguments=tuple(getattr(x86, f"UC_X86_REG_{name}") for name in arguments),
        result=x86.UC_X86_REG_RAX,
        stack=x86.UC_X86_REG_RSP,
        counter=x86.UC_X86_REG_RIP,
        link=None,
        scratch=x86.UC_X86_REG_RAX,
        back=bytes.fromhex("c3"),
        jump=bytes.fromhex("ffe0"),
        branches=frozenset(
            {"call", "ret", "jmp", "jo", "jno", "jb", "jae", "je", "jne", "jbe", "ja", "js", "jns"}
            | {"jp", "jnp", "jl", "jge", "jle", "jg", "jrcxz", "jecxz", "loop", "loope", "loopne"}
        ),
    )
