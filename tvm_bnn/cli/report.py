"""``tvm-bnn report``: pages that people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import Request, book_of, note, resolve, work_dir_of
from tvm_bnn.cli.timing import Passes, clock_of, profile_of

if TYPE_CHECKING:
    from tvm_bnn.cli.context import Job
    from tvm_bnn.models.load import LoadedModel
    from tvm_bnn.profiling.model import Profile
    from tvm_bnn.reporting.gather import Sources
    from tvm_bnn.reporting.material import Chapter
    from tvm_bnn.targets import Target
    from tvm_bnn.tuning.runners import Wanted
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
        bool | None,
        typer.Option(
            "--instructions/--no-instructions",
            help="Compile every kernel, to show its schedule and its vector instructions; by default where models are "
            "profiled, and not for profiles that exist.",
        ),
    ] = None,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.ModelSeed = None,
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
        passes = Passes(warmup, repeat, seed or 0)
        for name in target or [options.DEFAULT_TARGET]:
            for model in named or [options.DEFAULT_MODEL]:
                request = Request(model, width, input_size, seed, name, threads, work_dir, records, wanted)
                chapters.append(_profiled(resolve(request), wanted, passes, places))
    for page in write_report(chapters, output):
        print(page)


@dataclass(frozen=True)
class _Places:
    """Where records and trials are, and whether kernels are read; None leaves that to what the times come from."""

    work_dir: Path | None
    records: Path | None
    instructions: bool | None

    def sources(self, target: Target, *, profiled: bool) -> Sources:
        from tvm_bnn.reporting.gather import Sources
        from tvm_bnn.tuning.workdir import WorkDir

        journal = WorkDir(work_dir_of(target, self.work_dir)).journal
        instructions = profiled if self.instructions is None else self.instructions
        return Sources(book_of(target, self.records, self.work_dir), journal, instructions)


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
        chapters.append(chapter(profile, target, loaded[network], places.sources(target, profiled=False), verified))
    for network, name in known:
        note(f"a verification of {network} on {name} has no profile beside it and is not used")
    return chapters


def _profiled(job: Job, wanted: Wanted, passes: Passes, places: _Places) -> Chapter:
    from tvm_bnn.reporting.gather import chapter
    from tvm_bnn.verification.verify import verify

    found = profile_of(job, wanted, passes)
    verified = None
    if _has_attention(job):
        note("verifying the attention")
        with clock_of(job, wanted, passes) as clock:
            verified = verify(job.model, job.choose, clock)
    sources = places.sources(job.target, profiled=True)
    if sources.instructions:
        note("compiling every kernel for its schedule and its instructions")
    return chapter(found, job.target, job.model, sources, verified)


def _has_attention(job: Job) -> bool:
    from tvm_bnn.ops import PooledAttention

    return any(isinstance(one, PooledAttention) for _, one in job.model.network.operators_at(job.input_shape))
