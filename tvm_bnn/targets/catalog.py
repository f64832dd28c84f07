"""Targets by the name a user gives."""

from tvm_bnn.errors import UsageError, closest
from tvm_bnn.targets.calibration import calibrated
from tvm_bnn.targets.detect import resolve_host
from tvm_bnn.targets.model import Target
from tvm_bnn.targets.reader import read_all

HOST = "cpu"


def names() -> list[str]:
    """The names of all targets, the most specific first; without the alias `cpu`."""
    return list(read_all())


def load(name: str) -> Target:
    """The target of that name; `cpu` stands for the most specific one that this host satisfies.

    Peaks that were measured on this host, by its calibration, take the place of those in the target's file.

    Raises:
        UsageError: no such target, or a malformed target file.
    """
    if name == HOST:
        return calibrated(resolve_host())
    known = read_all()
    if name not in known:
        raise UsageError(f"expected the name of a target, got '{name}'", closest(name, [HOST, *known]))
    return calibrated(known[name])
