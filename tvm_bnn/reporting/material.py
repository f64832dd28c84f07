"""What a report is made of: one chapter a profile, with whatever else is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tvm_bnn.errors import UsageError
from tvm_bnn.profiling.model import OperatorProfile, Profile
from tvm_bnn.reporting.charts.curves import Curve
from tvm_bnn.reporting.facts import NetworkFacts
from tvm_bnn.reporting.kernels import Kernel
from tvm_bnn.targets import Target
from tvm_bnn.verification.model import Verification

_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True)
class Chapter:
    """One network on one target.

    Attributes:
        profile: its times.
        target: its hardware, with the peaks that its roofline uses.
        facts: of the network; None where only the profile is at hand.
        verification: of its attention; None where it was not verified.
        curves: of tuning; empty without a journal.
        kernels: compiled and read; empty where that was not asked for.
    """

    profile: Profile
    target: Target
    facts: NetworkFacts | None = None
    verification: Verification | None = None
    curves: tuple[Curve, ...] = ()
    kernels: tuple[Kernel, ...] = ()

    @property
    def network(self) -> str:
        """``kitti-road S 384x1248``: model, width where it has one, size of the picture."""
        return network_of(self.profile)

    @property
    def timed(self) -> list[OperatorProfile]:
        """The operators that have a time, the slowest first."""
        known = [operator for operator in self.profile.operators if operator.median_ms is not None]
        return sorted(known, key=lambda operator: -(operator.median_ms or 0.0))


def network_of(profile: Profile | Verification) -> str:
    """Which network a profile or a verification is of."""
    size = "x".join(map(str, profile.input_size))
    return " ".join(part for part in (profile.model, profile.width, size) if part)


def slugs(profiles: Iterable[Profile]) -> list[str]:
    """A name for files of each profile: its target, then its network; numbered where two would be the same."""
    taken: dict[str, int] = {}
    names = []
    for profile in profiles:
        network = re.sub(r"[^A-Za-z0-9.]+", "-", network_of(profile)).strip("-.")
        name = f"{profile.target}/{network}"
        taken[name] = taken.get(name, 0) + 1
        names.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return names


def read_profile(path: Path) -> Profile:
    """A profile that `tvm-bnn profile --format json` wrote.

    Raises:
        UsageError: it cannot be read or is none.
    """
    return _read(path, Profile, "a profile", "tvm-bnn profile --format json")


def read_verification(path: Path) -> Verification:
    """A verification that `tvm-bnn verify --format json` wrote.

    Raises:
        UsageError: it cannot be read or is none.
    """
    return _read(path, Verification, "a verification", "tvm-bnn verify --format json")


def _read(path: Path, kind: type[_Document], what: str, command: str) -> _Document:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror or error}", "check the path") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        message = f"{path}: expected {what}, got something else: {place}: {first['msg']}"
        raise UsageError(message, f"`{command}` writes one") from error
