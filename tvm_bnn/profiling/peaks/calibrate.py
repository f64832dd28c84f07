"""Measure this host's peaks and keep them for rooflines to come."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from tvm_bnn.amx import request_permission
from tvm_bnn.profiling.peaks.measure import Peak, Told, measure, probes
from tvm_bnn.profiling.peaks.tiles import FLAG
from tvm_bnn.targets import Fact, Target, cpu_model
from tvm_bnn.targets.calibration import Calibration, write_calibration
from tvm_bnn.tuning.settle import versions


def calibrate(target: Target, told: Told) -> list[Peak]:
    """Peaks of one core of this host, as code of ``target`` reaches them.

    A peak of AMX tiles is left out where the kernel refuses the permission to use them.

    Args:
        target: that this host satisfies.
        told: gets a line now and then.
    """
    chosen = list(probes(target))
    if FLAG in target.requires and not request_permission():
        told("the kernel refuses the permission to use AMX tiles: their peak is not measured")
        chosen = [probe for probe in chosen if probe.fact != "amx_int8_gops_per_core"]
    return measure(target, chosen, told)


def keep(target: Target, peaks: Sequence[Peak]) -> Path:
    """Write peaks as the calibration of ``target`` on this host; where it lies.

    Raises:
        UsageError: the place cannot be written.
    """
    facts = {peak.name: Fact(peak.value, peak.unit, peak.source) for peak in peaks}
    today = datetime.date.today().isoformat()
    return write_calibration(Calibration(target.name, cpu_model(), today, versions(), facts))
