"""``tvm-bnn inspect``: what a bundle is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tvm_bnn.cli.options import OutputFormat
from tvm_bnn.cli.show import show
from tvm_bnn.reporting.labels import size
from tvm_bnn.reporting.tables import Column, Format, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.deploy.manifest import Manifest, TensorContract

_FACTS = (Column("fact", "bundle"), Column("value", ""))
_FILES = (Column("name", "file"), Column("size", "size"), Column("sha256", "SHA-256"))
_OPERATORS = tuple(Column(key, key) for key in ("name", "kind", "shape", "lowering", "schedule", "evidence"))


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `tvm-bnn compile` wrote.")],
    output_format: OutputFormat = "table",
) -> None:
    """Show what a bundle is, what it needs and what it holds."""
    from tvm_bnn.deploy.manifest import read_manifest, verify_files

    manifest = read_manifest(bundle)
    verify_files(bundle, manifest)
    show_manifest(bundle, manifest, output_format)
    if output_format == "table":
        for table in (Table(_FILES, list(_files(manifest))), Table(_OPERATORS, _operators(manifest))):
            print()
            show(table, {}, [], output_format)


def show_manifest(path: Path, manifest: Manifest, output_format: Format) -> None:
    """Print a manifest: all of it as JSON, its operators as CSV, the facts for people."""
    show(Table(_FACTS, _facts(path, manifest)), manifest.model_dump(mode="json"), _operators(manifest), output_format)


def _operators(manifest: Manifest) -> list[Row]:
    return [operator.model_dump(mode="json") for operator in manifest.operators]


def _files(manifest: Manifest) -> Iterator[Row]:
    for name, entry in manifest.files.items():
        yield {"name": name, "size": size(entry.size), "sha256": entry.sha256}


def _facts(path: Path, manifest: Manifest) -> list[Row]:
    facts = {
        "folder": path,
        "model": f"{manifest.name} {manifest.width}".strip(),
        "weights": _weights(manifest),
        "target": f"{manifest.target}, {manifest.architecture}",
        "needs": " ".join(manifest.requires) or f"any {manifest.architecture} CPU",
        **({} if manifest.gpu is None else {"GPU": f"an NVIDIA one of {manifest.gpu}"}),
        "this machine": _here(manifest),
        "runtime": "in the bundle" if manifest.brings_runtime else "apache-tvm has to be installed",
        "threads": manifest.threads,
        "input": _tensor(manifest.input),
        "output": _tensor(manifest.output),
        "classes": len(manifest.classes),
        "operators": ", ".join(f"{number} {name}" for name, number in manifest.schedules.items()),
        "evidence": ", ".join(f"{number} {name}" for name, number in manifest.evidence.items()),
        "files": f"{len(manifest.files)}, {size(sum(entry.size for entry in manifest.files.values()))}",
        "code": size(manifest.sizes.code),
        "parameters": _parameters(manifest),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    return [{"fact": fact, "value": value} for fact, value in facts.items()]


def _weights(manifest: Manifest) -> str:
    if not manifest.trained:
        return "untrained"
    return f"trained on {manifest.trained_on}" if manifest.trained_on else "trained"


def _here(manifest: Manifest) -> str:
    """Whether the bundle runs here, and what is missing."""
    from tvm_bnn.deploy.host import lacking
    from tvm_bnn.targets import host_architecture, present_gpu

    if manifest.gpu is not None:
        gpu = present_gpu()
        if gpu is None or gpu.arch != manifest.gpu:
            return f"cannot run it: {gpu.name if gpu else 'no NVIDIA GPU'}"
    if manifest.architecture != host_architecture():
        return f"cannot run it: {host_architecture() or 'unknown'}"
    missing = lacking(frozenset(manifest.requires))
    return f"cannot run it: lacks {' '.join(missing)}" if missing else "can run it"


def _parameters(manifest: Manifest) -> str:
    sizes = manifest.sizes
    return f"{size(sizes.weights)}, of information {size(sizes.information)}, of that binary {size(sizes.binary)}"


def _tensor(contract: TensorContract) -> str:
    return f"{contract.dtype} {'x'.join(map(str, contract.shape))} {contract.layout}"
