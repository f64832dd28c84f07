"""At which clocks a GPU ran when it was measured, as its driver's own tool tells."""

from __future__ import annotations

import os
import subprocess

from pydantic import BaseModel, ConfigDict

_QUERY = ("driver_version", "clocks.sm", "clocks.mem", "clocks.max.sm", "temperature.gpu", "power.draw")
_NUMBERS = ("sm_mhz", "memory_mhz", "most_sm_mhz", "celsius", "watts")
_SECONDS = 20


class Clocks(BaseModel):
    """Right after a measurement; what the tool does not tell is None.

    ``sm_mhz`` and ``memory_mhz`` are what multiprocessors and memory ran at, ``most_sm_mhz`` is what the former may run
    at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    driver: str | None
    sm_mhz: float | None
    memory_mhz: float | None
    most_sm_mhz: float | None
    celsius: float | None
    watts: float | None


def read_clocks() -> Clocks | None:
    """Of the first GPU that is visible; None where there is no such tool, or it does not answer."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0] or "0"
    command = ["nvidia-smi", "-i", first, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parsed(told)


def parsed(told: str) -> Clocks | None:
    """The values of one line, None where they are not all there; a value in brackets means that there is none."""
    values = [value.strip() for value in told.strip().split(",")]
    if len(values) != len(_QUERY):
        return None
    driver, *numbers = (None if value.startswith("[") else value for value in values)
    return Clocks(driver=driver, **dict(zip(_NUMBERS, map(_number, numbers), strict=True)))


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
