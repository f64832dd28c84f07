"""``tvm-bnn summary``: the layers, with parameters and multiply-accumulates by their bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tvm_bnn.cli import options
from tvm_bnn.cli.context import load_model
from tvm_bnn.cli.show import show
from tvm_bnn.reporting.labels import count, percent, size
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.models.load import LoadedModel
    from tvm_bnn.profiling.summary import Layer

_COLUMNS = (
    Column("name", "name"),
    Column("kind", "kind"),
    Column("output", "output"),
    Column("bits", "bits"),
    Column("binary_parameters", "1-bit params", right=True),
    Column("real_parameters", "8-bit params", right=True),
    Column("other_parameters", "other params", right=True),
    Column("parameter_bytes", "memory", right=True),
    Column("binary_macs", "1-bit MACs", right=True),
    Column("real_macs", "real MACs", right=True),
    Column("ops", "OPs", right=True),
)
_OF_ONE_LAYER = ("name", "kind", "output", "bits", "bit_identical")
_COUNTS = ("binary_parameters", "real_parameters", "other_parameters", "binary_macs", "real_macs", "ops")


def command(
    model: options.Model = options.DEFAULT_MODEL,
    width: options.Width = "S",
    input_size: options.InputSize = None,
    seed: options.ModelSeed = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """Layers with parameters and multiply-accumulates by bit width."""
    loaded = load_model(model, width, input_size, seed)
    from tvm_bnn.profiling.summary import summarise, total

    layers = summarise(loaded.network, (1, *loaded.input_size, 3))
    whole = total(layers)
    rows = [_row(layer) for layer in layers]
    footer = [_readable(_row(whole)), _share(whole)]
    table = Table(_COLUMNS, [_readable(row) for row in rows], footer, [*_origin(loaded), *_inexact(layers)])
    show(table, _document(loaded, rows, whole), [_flat(row) for row in rows], output_format)


def _origin(loaded: LoadedModel) -> list[str]:
    """One line on what the weights were trained on, if that is known."""
    return [f"trained on {loaded.trained_on}"] if loaded.trained_on else []


def _inexact(layers: list[Layer]) -> list[str]:
    """One line on what rounds in floating point, if anything does."""
    named = [f"{layer.name} ({', '.join(layer.inexact)})" for layer in layers if not layer.bit_identical]
    return [f"not bit-identical across targets: {'; '.join(named)}"] if named else []


def _row(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "output": list(layer.output),
        "bits": layer.bits,
        "binary_parameters": layer.binary_parameters,
        "real_parameters": layer.real_parameters,
        "other_parameters": layer.other_parameters,
        "parameter_bytes": layer.parameter_bytes,
        "binary_macs": layer.work.binary_macs,
        "real_macs": layer.work.real_macs,
        "ops": layer.work.ops,
        "bit_identical": layer.bit_identical,
    }


def _flat(row: Row) -> Row:
    return {**row, "output": "x".join(map(str, row["output"]))}


def _readable(row: Row) -> Row:
    counts = {key: count(row[key]) if row[key] else "" for key in _COUNTS}
    memory = size(row["parameter_bytes"]) if row["parameter_bytes"] else ""
    return {**_flat(row), **counts, "parameter_bytes": memory}


def _share(whole: Layer) -> Row:
    return {"name": "MACs that are binary", "binary_macs": percent(whole.work.binary_share)}


def _document(loaded: LoadedModel, rows: list[dict[str, Any]], whole: Layer) -> dict[str, Any]:
    counted = {key: value for key, value in _row(whole).items() if key not in _OF_ONE_LAYER}
    return {
        "schema_version": 1,
        "model": loaded.name,
        "width": loaded.width,
        "input_size": list(loaded.input_size),
        "trained": loaded.trained,
        "trained_on": loaded.trained_on or None,
        "bit_identical": loaded.network.bit_identical,
        "layers": rows,
        "total": counted | {"binary_share": whole.work.binary_share},
    }
