"""``tvm-bnn inspect``: what a bundle is."""

from __future__ import annotations

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
_OPERATORS = tuple(Column(key, key) for key in ("name", "kind", "shape", "lowering", "schedule", "evidence"))


def command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that `tvm-bnn compile` wrote.")],
    output_format: OutputFormat = "table",
) -> None:
    """Show what a bundle is, what it needs and what it holds."""
    from tvm_bnn.deploy.manifest import read_manifest, verify_files

    manifest = read_manifest(bundle)
    verify_files(bundle, manifest)
    show_manifest(bundle, manifest, output_format, operators=True)


def show_manifest(path: Path, manifest: Manifest, output_format: Format, *, operators: bool) -> None:
    """Print a manifest: all of it as JSON, its operators as CSV, for people the facts and, if wanted, the operators."""
    document = manifest.model_dump(mode="json")
    rows = document["operators"]
    show(Table(_FACTS, _facts(path, manifest)), document, rows, output_format)
    if operators and output_format == "table":
        print()
        show(Table(_OPERATORS, rows), document, rows, output_format)


def _facts(path: Path, manifest: Manifest) -> list[Row]:
    facts = {
        "folder": path,
        "model": f"{manifest.name} {manifest.width}".strip(),
        "weights": "trained" if manifest.trained else "untrained",
        "target": manifest.target,
        "needs": " ".join(manifest.requires) or "any CPU of the architecture it was compiled on",
        "threads": manifest.threads,
        "input": _tensor(manifest.input),
        "output": _tensor(manifest.output),
        "classes": len(manifest.classes),
        "operators": ", ".join(f"{number} {name}" for name, number in manifest.schedules.items()),
        "evidence": ", ".join(f"{number} {name}" for name, number in manifest.evidence.items()),
        "files": ", ".join(f"{name} {size(entry.size)}" for name, entry in manifest.files.items()),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    return [{"fact": fact, "value": value} for fact, value in facts.items()]


def _tensor(contract: TensorContract) -> str:
    return f"{contract.dtype} {'x'.join(map(str, contract.shape))} {contract.layout}"
