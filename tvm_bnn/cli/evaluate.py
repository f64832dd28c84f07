"""``tvm-bnn evaluate``: how well a network or a bundle labels a data set."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import data as data_options
from tvm_bnn.cli import options
from tvm_bnn.cli.context import note, parse_size, threads_or_all
from tvm_bnn.cli.show import show
from tvm_bnn.reporting.labels import percent
from tvm_bnn.reporting.tables import Column, Format, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.data.datasets import DataSet, Split
    from tvm_bnn.training.subject import Subject

_COLUMNS = (Column("metric", "metric"), Column("value", "value", right=True))
_NUMERICS = {"float": "in floating point", "integer": "in integers", "bundle": "as a bundle"}
_PLAIN_SECONDS = 10.0


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|BUNDLE", help="A checkpoint (.safetensors), package.module:factory, or a bundle's folder."
        ),
    ],
    data: data_options.Data = data_options.DEFAULT,
    root: data_options.Root = None,
    split: data_options.SplitName = "val",
    size: options.PictureSize = None,
    pictures: Annotated[
        int | None,
        typer.Option(
            "--pictures", metavar="N", callback=options.at_least(1), help="How many; by default all, or 100 scenes."
        ),
    ] = None,
    floating: Annotated[
        bool, typer.Option("--float", help="A checkpoint as it was trained, not the integers it becomes.")
    ] = False,
    threads: options.Threads = None,
    output_format: options.OutputFormat = "table",
) -> None:
    """Metrics of a network or a bundle on the pictures of a data set, by its official definitions."""
    wanted = parse_size(size) if size is not None else None
    data_options.let_threads_sleep()
    from tvm_bnn.data.datasets import Request, find
    from tvm_bnn.training.evaluation import torch_threads
    from tvm_bnn.training.subject import open_subject

    source, cores = find(data), threads_or_all(threads)
    with torch_threads(cores):
        subject = open_subject(model, wanted, cores, floating=floating)
        subject.check_classes(data, source.classes)
        opened = source.open(Request(split, subject.size, pictures, root=root))
        document = rated(subject, opened, split)
        data_options.remark_on(source)
    show_metrics(document, output_format)


def rated(subject: Subject, data: DataSet, split: Split) -> dict[str, Any]:
    """Evaluate, and tell so on stderr; the document that JSON shows."""
    from tvm_bnn.training.evaluation import evaluate

    size = "x".join(map(str, subject.size))
    note(f"evaluating {subject.name} {size} {_NUMERICS[subject.numerics]}, pictures of {data.name}: {len(data)}")
    metrics = evaluate(subject.predict, data, _counting(len(data)))
    if metrics.official.get("max_f", 0) is None:
        note("without confidences there is no max_f; at_labels has the figures of the labels themselves")
    return {
        "schema_version": 1,
        "model": subject.name,
        "data": data.name,
        "split": split,
        "input_size": list(subject.size),
        "pictures": len(data),
        "numerics": subject.numerics,
        "metrics": metrics.document(),
    }


def _counting(total: int) -> Callable[[int], None]:
    """A line every ten seconds; short evaluations stay silent."""
    last = time.monotonic()

    def told(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PLAIN_SECONDS:
            last = time.monotonic()
            note(f"[{done}/{total}] pictures evaluated")

    return told


def show_metrics(document: dict[str, Any], output_format: Format) -> None:
    """Print metrics: everything as JSON, one metric a line otherwise."""
    rows = _rows(document["metrics"])
    readable = [{**row, "value": "-" if row["value"] is None else percent(row["value"])} for row in rows]
    show(Table(_COLUMNS, readable), document, rows, output_format)


def _rows(metrics: dict[str, Any], prefix: str = "") -> list[Row]:
    rows: list[Row] = []
    for name, value in metrics.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name}: ")
        else:
            rows.append({"metric": f"{prefix}{name}", "value": value})
    return rows
