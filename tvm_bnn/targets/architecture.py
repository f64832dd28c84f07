"""Instruction set architectures, by one name each."""

import platform

# Systems differ in what they call the same thing; these are LLVM's names, as a triple begins with them.
_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


def host_architecture() -> str:
    """That of this Python, such as `x86_64` or `aarch64`; empty where the system does not tell."""
    machine = platform.machine().lower()
    return _OTHER_NAMES.get(machine, machine)


def architecture_of(triple: str) -> str:
    """That of an LLVM triple, such as `aarch64` of `aarch64-linux-gnu`."""
    name = triple.partition("-")[0].lower()
    return _OTHER_NAMES.get(name, name)
