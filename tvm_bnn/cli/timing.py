"""How commands come to times: of a whole network, and of its attention; measured here or on a board, or estimated."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tvm_bnn.cli.context import note
from tvm_bnn.errors import ToolchainError
from tvm_bnn.reporting.labels import percent

if TYPE_CHECKING:
    from tvm_bnn.cli.context import Job
    from tvm_bnn.profiling.model import Profile
    from tvm_bnn.tuning.runners import Wanted
    from tvm_bnn.verification.clock import Clock

_TOLERANCE = 0.1
"""How far the sum of operators may be from the end-to-end time, as a share of it."""


@dataclass(frozen=True)
class Passes:
    """How often a network is run: to warm up, and to count; ``seed`` is that of the picture."""

    warmup: int
    repeat: int
    seed: int


def profile_of(job: Job, wanted: Wanted, passes: Passes, dump: Path | None = None) -> Profile:
    """The profile of a job's network, by whatever tells times of its target.

    Raises:
        ToolchainError: nothing here runs the target's code, or packages or boards are missing.
        NumericsError: a kernel that is estimated is wrong.
    """
    return _estimated(job, wanted, passes) if job.kind == "static" else _measured(job, wanted, passes, dump)


def _measured(job: Job, wanted: Wanted, passes: Passes, dump: Path | None) -> Profile:
    if job.kind == "local":
        from tvm_bnn.deploy.host import check_target

        check_target(job.target)
    note(f"measuring, passes: {passes.warmup} to warm up, {passes.repeat} to count")
    if job.kind == "rpc":
        from tvm_bnn.remote.network import profile_remote

        measured = profile_remote(job.model, job.compile(dump), wanted, **asdict(passes), report=note)
    else:
        from tvm_bnn.profiling.profile import profile

        measured = profile(job.model, job.compile(dump), **asdict(passes))
    _compare_sums(measured)
    return measured


def _estimated(job: Job, wanted: Wanted, passes: Passes) -> Profile:
    from tvm_bnn.profiling.estimated import estimated_profile
    from tvm_bnn.tuning.runners import opened

    note("estimating every kernel by a model of the target; nothing is timed")
    with opened(wanted, job.target, Path(os.devnull), note) as runner:
        return estimated_profile(job.model, job.target, job.choose, runner, passes.seed)


@contextmanager
def clock_of(job: Job, wanted: Wanted, passes: Passes) -> Iterator[Clock]:
    """What tells times of the attention: the clock of this machine, or a model of the target.

    Raises:
        ToolchainError: the target is a GPU, for which there is neither.
    """
    from tvm_bnn.tuning.runners import opened
    from tvm_bnn.verification.clock import Modelled, clock

    if job.target.cuda is not None:
        raise ToolchainError(
            f"expected a CPU target, got {job.target.name}, a GPU: dense attention is only measured on CPUs here",
            "`python -m benchmarks.gpu` compares with torch's attention on a GPU",
        )
    if job.kind != "static":
        yield clock(job.target, job.threads, **asdict(passes))
        return
    with opened(wanted, job.target, Path(os.devnull), note) as runner:
        yield Modelled(job.target, runner, passes.seed)


def _compare_sums(profile: Profile) -> None:
    assert profile.total.median_ms is not None
    apart = abs(profile.operators_ms / profile.total.median_ms - 1)
    if apart > _TOLERANCE:
        note(f"sum of operators and end to end are {percent(apart)} apart: measure on an idle machine, --repeat more")
