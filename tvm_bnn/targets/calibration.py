"""The peaks that were measured on this host: one file of the user's for each target.

They are throughputs and bandwidths only. Sizes stay those of the target file, so that loop arrangements and records
are the same with and without a calibration.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tvm_bnn.errors import UsageError
from tvm_bnn.files import write_atomic
from tvm_bnn.targets.detect import cpu_model
from tvm_bnn.targets.model import Fact, Target

SCHEMA_VERSION = 1
COMMAND = "tvm-bnn doctor --calibrate"
_AGAIN = f"run `{COMMAND}`, it is written anew"
_Text = Annotated[str, Field(min_length=1)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Calibration:
    """Measured peaks of one core.

    Attributes:
        target: the name of the target whose code was measured.
        cpu: the CPU's model; on another one the peaks mean nothing.
        date: ISO date of the measurement.
        versions: of the packages that made the code.
        facts: by name; the source of each tells what was measured.
    """

    target: str
    cpu: str
    date: str
    versions: Mapping[str, str]
    facts: Mapping[str, Fact]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Throughput(_Part):
    value: _Positive
    unit: Literal["Gop/s"]
    source: _Text


class _Bandwidth(_Part):
    value: _Positive
    unit: Literal["GB/s"]
    source: _Text


class _Peaks(_Part):
    """Every fact that a calibration may replace; a size here would be refused."""

    binary_gops_per_core: _Throughput | None = None
    int8_gops_per_core: _Throughput | None = None
    amx_int8_gops_per_core: _Throughput | None = None
    float_gops_per_core: _Throughput | None = None
    memory_gbytes_per_s: _Bandwidth | None = None
    cache_gbytes_per_s: _Bandwidth | None = None


class _File(_Part):
    schema_version: Literal[1]
    target: _Text
    cpu_model: _Text
    date: datetime.date
    versions: dict[str, str]
    facts: _Peaks

    def calibration(self) -> Calibration:
        entries = self.facts.model_dump(exclude_none=True)
        facts = {name: Fact(**entry) for name, entry in entries.items()}
        return Calibration(self.target, self.cpu_model, self.date.isoformat(), self.versions, facts)


def calibration_path(target: str) -> Path:
    """Where the calibration of the target of that name is kept, whether there is one or not."""
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG base directory specification: a path that is not absolute is to be ignored.
    data = given if given.is_absolute() else Path(os.path.expanduser("~"), ".local", "share")
    return data / "tvm-bnn" / "calibration" / f"{target}.json"


def read_calibration(target: str) -> Calibration | None:
    """The calibration of the target of that name, of whatever CPU; None without one.

    Raises:
        UsageError: there is a file, and it cannot be read, is damaged, or belongs to another target.
    """
    path = calibration_path(target)
    try:
        found = _File.model_validate_json(path.read_bytes()).calibration()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}", "check its rights") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{path}: {place}: {first['msg']}", _AGAIN) from error
    if found.target != target:
        raise UsageError(f"{path}: target: expected '{target}', got '{found.target}'", _AGAIN)
    return found


def write_calibration(calibration: Calibration) -> Path:
    """Keep a calibration in place of an earlier one of the same target; where it lies.

    Raises:
        UsageError: the place cannot be written.
    """
    peaks = _Peaks.model_validate(
        {name: {"value": f.value, "unit": f.unit, "source": f.source} for name, f in calibration.facts.items()}
    )
    file = _File(
        schema_version=SCHEMA_VERSION,
        target=calibration.target,
        cpu_model=calibration.cpu,
        date=datetime.date.fromisoformat(calibration.date),
        versions=dict(calibration.versions),
        facts=peaks,
    )
    path = calibration_path(calibration.target)
    write_atomic(path, file.model_dump_json(indent=2, exclude_none=True) + "\n")
    return path


def calibrated(target: Target) -> Target:
    """The target with the peaks that were measured on this host in place of its file's.

    Without a usable calibration of this CPU's model it is the target as it was; `tvm-bnn doctor` tells why.
    """
    try:
        found = read_calibration(target.name)
    except UsageError:
        return target
    if found is None or found.cpu != cpu_model():
        return target
    measured = {name: _of_this_host(fact, found) for name, fact in found.facts.items() if name in target.facts}
    return dataclasses.replace(target, facts={**target.facts, **measured})


def _of_this_host(fact: Fact, calibration: Calibration) -> Fact:
    source = f"measured on {calibration.cpu}, {calibration.date}: {fact.source}"
    return dataclasses.replace(fact, source=source, measured_here=True)
