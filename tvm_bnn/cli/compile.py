"""``tvm-bnn compile``: a bundle that can be deployed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import Job, Request, note, resolve
from tvm_bnn.cli.inspect import show_manifest
from tvm_bnn.errors import NoCandidateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tvm_bnn.deploy.packages import Package
    from tvm_bnn.graph.phases import Compiled
    from tvm_bnn.ops import Operator
    from tvm_bnn.targets import Target


def command(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="BUNDLE", help="Folder to write.")],
    model: options.Model = options.DEFAULT_MODEL,
    target: options.TargetName = options.DEFAULT_TARGET,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.ModelSeed = None,
    threads: options.Threads = None,
    require_tuned: Annotated[
        bool, typer.Option("--require-tuned", help="Refuse operators that were not tuned at this very shape.")
    ] = False,
    with_runtime: Annotated[
        bool, typer.Option("--with-runtime", help="Add TVM's runtime and the C interface: all that a board needs.")
    ] = False,
    runtime_wheels: Annotated[
        Path | None,
        typer.Option(
            "--runtime-wheels",
            metavar="DIR",
            help="Folder of TVM's wheels for the target; by default what is installed here, else pip fetches them.",
        ),
    ] = None,
    emit: Annotated[
        Literal["so", "source", "static"],
        typer.Option(
            "--emit",
            help="source: add the code as people read it. static: add a library that becomes part of a program, and "
            "what --with-runtime adds.",
        ),
    ] = "so",
    work_dir: options.WorkDirectory = None,
    records: options.Records = None,
    dump: options.Dump = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """Write a deployable bundle."""
    job = resolve(Request(model, width, input_size, seed, target, threads, work_dir, records))
    from tvm_bnn.deploy.bundle import write_bundle
    from tvm_bnn.deploy.place import check_place

    check_place(output)
    if require_tuned:
        _refuse_untuned(job)
    static = emit == "static"
    if static:
        _refuse_gpu(job.target)
    packages = _packages(job.target, runtime_wheels) if with_runtime or runtime_wheels or static else None
    compiled = job.compile(dump)
    linked = _linked(job) if static else None
    note(f"writing {output}")
    manifest = write_bundle(output, job.model, compiled, packages=packages, sources=emit == "source", linked=linked)
    show_manifest(output, manifest, output_format)


def _refuse_gpu(target: Target) -> None:
    if target.kind == "cuda":
        raise UsageError(
            f"--emit static: expected a CPU target, got {target.name}",
            "leave --emit out: a bundle has a shared library",
        )


def _linked(job: Job) -> Compiled:
    """The network once more, for linking into programs: its functions have other names there."""
    from tvm_bnn.deploy.static_library import Names

    note("compiling it for the static library")
    return job.compile(None, Names.of(job.model.name, job.model.width).prefix)


def _packages(target: Target, wheels: Path | None) -> Mapping[str, Package]:
    """Those that hold the runtime for a target."""
    from tvm_bnn.deploy.packages import for_architecture
    from tvm_bnn.targets import host_architecture

    return for_architecture(target.architecture or host_architecture(), wheels, note)


def _refuse_untuned(job: Job) -> None:
    operators = job.model.network.operators_at(job.input_shape)
    untuned = [name for name, operator in operators if not _is_tuned(job, operator)]
    if untuned:
        raise NoCandidateError(
            f"expected every operator to be tuned, got {len(untuned)} that are not: {', '.join(untuned)}",
            f"run tvm-bnn tune {job.model.name} --target {job.target.name} with the same size and threads",
        )


def _is_tuned(job: Job, operator: Operator) -> bool:
    """Whether a record of this very operator decides, or there is nothing to decide."""
    from tvm_bnn.tuning.plan import is_settled

    return is_settled(job.choose(operator), operator, job.target, job.threads)
