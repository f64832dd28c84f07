"""``tvm-bnn report``: pages that people read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import Request, book_of, note, resolve, work_dir_of

if TYPE_CHECKING:
    from tvm_bnn.cli.context import Job
    from tvm_bnn.models.load import LoadedModel
    from tvm_bnn.profiling.model import Profile
    from tvm_bnn.reporting.gather import Sources
    from tvm_bnn.reporting.material import Chapter
    from tvm_bnn.targets import Target
    from tvm_bnn.tuning.runners import Wanted
    from tvm_bnn.verification.clock import Clock
    from tvm_bnn.verification.model import Verification

_PROFILE_SUFFIX = ".json"


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL|PROFILE.json]...", help="Models to profile, or profiles that exist."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="NAME", help="Profile on this target; may be repeated.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.")] = Path("report"),
    profile: Annotated[
        list[Path] | None,
        typer.Option("--profile", metavar="FILE", help="A profile that exists, as JSON; may be repeated."),
    ] = None,
    verification: Annotated[
        list[Path] | None,
        typer.Option("--verification", metavar="FILE", help="What `verify --format json` wrote; may be repeated."),
    ] = None,
    instructions: Annotated[
        bool, typer.Option("--instructions", help="Compile every kernel and count its vector instructions.")
    ] = False,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.Seed = 0,
    threads: options.Threads = None,
    warmup: Annotated[
        int, typer.Option("--warmup", metavar="N", callback=options.at_least(0), help="Passes that do not count.")
    ] = 5,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", callback=options.at_least(1), help="Passes that count.")
    ] = 30,
    work_dir: options.WorkDirectory = None,
    records: options.Records = None,
    runner: options.RunnerName = "auto",
    rpc_tracker: options.RpcTracker = None,
    rpc_key: options.RpcKey = None,
    timeout: options.Timeout = 60,
) -> None:
    """Pages about latency: one for each target, and one across targets and models.

    Without profiles that exist, every model is profiled on every target, and its attention verified.
    """
    from tvm_bnn.reporting.folder import write_report
    from tvm_bnn.reporting.material import read_profile, read_verification
    from tvm_bnn.tuning.runners import Wanted

    given = models or []
    files = [*(profile or []), *(Path(one) for one in given if one.endswith(_PROFILE_SUFFIX))]
    named = [one for one in given if not one.endswith(_PROFILE_SUFFIX)]
    places = _Places(work_dir, records, instructions)
    chapters = _from_files(
        [read_profile(path) for path in files], [read_verification(path) for path in verification or []], places
    )
    if named or target or not files:
        wanted = Wanted(runner, rpc_tracker, rpc_key, timeout)
        passes = _Passes(warmup, repeat, seed)
        for name in target or [options.DEFAULT_TARGET]:
            for model in named or [options.DEFAULT_MODEL]:
                request = Request(model, width, input_size, seed, name, threads, work_dir, records, wanted)
                chapters.append(_profiled(resolve(request), wanted, passes, places))
    for page in write_report(chapters, output):
        print(page)


@dataclass(frozen=True)
class _Places:
    """Where records and trials are, and whether instructions are counted."""

    work_dir: Path | None
    records: Path | None
    instructions: bool

    def sources(self, target: Target) -> Sources:
        from tvm_bnn.reporting.gather import Sources
        from tvm_bnn.tuning.workdir import WorkDir

        journal = WorkDir(work_dir_of(target, self.work_dir)).journal
        return Sources(book_of(target, self.records, self.work_dir), journal, self.instructions)


@dataclass(frozen=True)
class _Passes:
    """How often a network is run: to warm up, and to count; ``seed`` is that of the picture."""

    warmup: int
    repeat: int
    seed: int


def _from_files(profiles: Sequence[Profile], verifications: Sequence[Verification], places: _Places) -> list[Chapter]:
    from tvm_bnn.reporting.gather import chapter, preset_of, target_of
    from tvm_bnn.reporting.material import network_of

    known = {(network_of(one), one.target): one for one in verifications}
    # Targets share a network, and to make one takes seconds.
    loaded: dict[str, LoadedModel | None] = {}
    chapters = []
    for profile in profiles:
        network, target = network_of(profile), target_of(profile)
        if network not in loaded:
            loaded[network] = preset_of(profile)
        verified = known.pop((network, profile.target), None)
        chapters.append(chapter(profile, target, loaded[network], places.sources(target), verified))
    for network, name in known:
        note(f"a verification of {network} on {name} has no profile beside it and is not used")
    return chapters


def _profiled(job: Job, wanted: Wanted, passes: _Passes, places: _Places) -> Chapter:
    from tvm_bnn.reporting.gather import chapter
    from tvm_bnn.verification.verify import verify

    found = _profile(job, wanted, passes)
    verified = None
    if _has_attention(job):
        note("verifying the attention")
        with _clock(job, wanted, passes) as clock:
            verified = verify(job.model, job.choose, clock)
    return chapter(found, job.target, job.model, places.sources(job.target), verified)


def _profile(job: Job, wanted: Wanted, passes: _Passes) -> Profile:
    note("estimating" if job.kind == "static" else f"measuring, passes: {passes.warmup} and {passes.repeat}")
    if job.kind == "static":
        from tvm_bnn.profiling.estimated import estimated_profile
        from tvm_bnn.tuning.runners import opened

        with opened(wanted, job.target, Path(os.devnull), note) as runner:
            return estimated_profile(job.model, job.target, job.choose, runner, passes.seed)
    warmup, repeat, seed = passes.warmup, passes.repeat, passes.seed
    if job.kind == "rpc":
        from tvm_bnn.remote.network import profile_remote

        compiled = job.compile(None)
        return profile_remote(job.model, compiled, wanted, warmup=warmup, repeat=repeat, seed=seed, report=note)
    from tvm_bnn.deploy.host import check_host
    from tvm_bnn.profiling.profile import profile

    check_host(job.target.name, job.target.requires)
    return profile(job.model, job.compile(None), warmup=warmup, repeat=repeat, seed=seed)


def _has_attention(job: Job) -> bool:
    from tvm_bnn.ops import PooledAttention

    return any(isinstance(one, PooledAttention) for _, one in job.model.network.operators_at(job.input_shape))


@contextmanager
def _clock(job: Job, wanted: Wanted, passes: _Passes) -> Iterator[Clock]:
    """What tells times of the attention: the clock of this machine, or a model of the target."""
    from tvm_bnn.tuning.runners import opened
    from tvm_bnn.verification.clock import Modelled, clock

    if job.kind != "static":
        yield clock(job.target, job.threads, warmup=passes.warmup, repeat=passes.repeat, seed=passes.seed)
        return
    with opened(wanted, job.target, Path(os.devnull), note) as runner:
        yield Modelled(job.target, runner, passes.seed)
