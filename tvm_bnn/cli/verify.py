"""``tvm-bnn verify``: the attention against dense attention on the same map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tvm_bnn.cli import options
from tvm_bnn.cli.context import Request, note, resolve
from tvm_bnn.cli.show import show
from tvm_bnn.cli.timing import Passes, clock_of
from tvm_bnn.errors import NumericsError
from tvm_bnn.reporting.labels import count, size
from tvm_bnn.reporting.tables import Column, Row, Table

if TYPE_CHECKING:
    from tvm_bnn.verification.model import Attention, Verification

_COLUMNS = (
    Column("name", "attention"),
    Column("formula", "multiply-accumulates of the products"),
    Column("products_flops", "products FLOPs", right=True),
    Column("products_ratio", "fewer", right=True),
    Column("block_ops", "block OPs", right=True),
    Column("block_ratio", "fewer", right=True),
    Column("products_ms", "products ms", right=True, digits=3),
    Column("block_ms", "block ms", right=True, digits=3),
    Column("evidence", "evidence"),
)
_HUNDREDFOLD = 100
_TIMEOUT = 120.0
_CONVENTION = (
    "FLOPs: 2 a multiply-accumulate, whatever its bits. OPs: one of a x w bits counts a w / 64. "
    "Exponentials, divisions and comparisons are no part of either."
)


def command(
    model: options.Model = options.DEFAULT_MODEL,
    target: options.TargetName = options.DEFAULT_TARGET,
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
    output_format: options.OutputFormat = "table",
) -> None:
    """The attention against dense attention: counted from the loop nests, by formula, by the clock."""
    from tvm_bnn.tuning.runners import Wanted
    from tvm_bnn.verification.verify import verify

    wanted = Wanted(timeout=_TIMEOUT)
    job = resolve(Request(model, width, input_size, seed, target, threads, work_dir, records, wanted))
    with clock_of(job, wanted, Passes(warmup, repeat, seed or 0)) as timed_by:
        if timed_by.evidence == "measured":
            note("timing dense attention too, which takes a minute on a large map")
        found = verify(job.model, job.choose, timed_by)
    show(_table(found), found.model_dump(mode="json"), [_flat(one) for one in found.attention], output_format)
    broken = [line for attention in found.attention for line in _broken(attention)]
    if broken:
        raise NumericsError("; ".join(broken), "tvm-bnn verify --format json shows every number")


def _table(found: Verification) -> Table:
    rows = [row for attention in found.attention for row in _rows(attention)]
    notes = [line for attention in found.attention for line in _notes(attention)]
    return Table(_COLUMNS, rows, [_promise(attention) for attention in found.attention], [*notes, _CONVENTION])


def _rows(attention: Attention) -> list[Row]:
    dense, ours, ratio = attention.dense, attention.ours, attention.ratio
    bits = f"{attention.key_bits}x{attention.key_bits} and {attention.weight_bits}x{attention.value_bits} bits"
    ways = [
        {"name": f"  {way.name}", "products_ms": way.products_ms, "block_ms": way.block_ms, "evidence": dense.evidence}
        for way in dense.ways
    ]
    others = [
        {
            "name": other.name,
            "formula": other.formula,
            "products_flops": count(other.products_flops),
            "products_ratio": _times(other.products_ratio),
            "block_ops": count(other.block_flops),
            "block_ratio": _times(other.block_ratio),
            "evidence": "by formula",
        }
        for other in attention.others
    ]
    return [
        {
            "name": "dense, float",
            "formula": "N^2 (Ck + Cv)",
            "products_flops": count(dense.products.flops),
            "block_ops": count(dense.block.ops),
            "evidence": "by formula",
        },
        {
            "name": "  counted",
            "formula": "softmax included in the block",
            "products_flops": count(dense.counted.products_flops),
            "block_ops": count(dense.counted.block_flops),
            "evidence": "loop nests",
        },
        *ways,
        {
            "name": attention.name,
            "formula": f"N S (Ck + Cv), {bits}",
            "products_flops": count(ours.products.flops),
            "products_ratio": _times(ratio.products_flops),
            "block_ops": count(ours.block.ops),
            "block_ratio": _times(ratio.block_ops),
            "products_ms": ours.products.ms,
            "block_ms": ours.block.ms,
            "evidence": ours.evidence,
        },
        {
            "name": "  counted",
            "formula": "padding, softmax and epilogue included",
            "products_flops": count(ours.counted.products_operations),
            "products_ratio": _times(ratio.products_counted),
            "evidence": "loop nests",
        },
        *others,
    ]


def _promise(attention: Attention) -> Row:
    promised = attention.promised
    if promised.products_flops is None or promised.block_ops is None:
        return {"name": "promised", "formula": "nothing of this network at this size"}
    return {
        "name": "promised",
        "formula": "kept" if attention.passed else "broken",
        "products_ratio": f">= {_times(promised.products_flops)}",
        "block_ratio": f">= {_times(promised.block_ops)}",
    }


def _notes(attention: Attention) -> list[str]:
    dense, ours, ratio = attention.dense, attention.ours, attention.ratio
    lines = [
        f"{attention.name}: N = {attention.tokens} tokens, S = {attention.anchors} anchors, C = {attention.channels}, "
        f"Ck = {attention.ck}, Cv = {attention.cv}; queries and keys of {attention.key_bits} bit, "
        f"weights of {attention.weight_bits}, values of {attention.value_bits}",
        *(
            f"time against {way.name}: products {_times(way.products_ms / ours.products.ms)} less, "
            f"block {_times(way.block_ms / ours.block.ms)} less ({dense.evidence})"
            for way in dense.ways
        ),
        f"apart from these, dense: {count(dense.counted.exponentials)} exponentials, "
        f"{count(dense.counted.comparisons)} comparisons, {count(dense.counted.divisions)} divisions; "
        f"{attention.name}: {count(ours.counted.lookups)} table look-ups, {count(ours.counted.comparisons)} "
        f"comparisons, {count(ours.counted.divisions)} divisions",
        f"memory of the products: {size(ours.memory_bytes)}, {_times(ratio.memory)} less than dense attention that "
        f"holds all its weights, {size(dense.memory_bytes)}",
    ]
    if ratio.products_flops < _HUNDREDFOLD:
        lines.append(
            f"{attention.tokens} tokens by {attention.anchors} anchors: the products save N / S = "
            f"{_times(ratio.products_flops)} in FLOPs and no more; {_HUNDREDFOLD}x takes "
            f"{_HUNDREDFOLD * attention.anchors} tokens"
        )
    return lines


def _broken(attention: Attention) -> list[str]:
    promised, ratio = attention.promised, attention.ratio
    pairs = (
        ("products", "FLOPs", promised.products_flops, ratio.products_flops),
        ("block", "OPs", promised.block_ops, ratio.block_ops),
    )
    return [
        f"{attention.name}: expected {part} with {_times(least)} fewer {unit}, got {_times(got)}"
        for part, unit, least, got in pairs
        if least is not None and got < least
    ]


def _flat(attention: Attention) -> dict[str, Any]:
    """One attention as a line of CSV: its sizes, then its ratios."""
    sizes = attention.model_dump(include={"name", "tokens", "anchors", "channels", "ck", "cv", "value_bits"})
    times = {
        "dense_products_ms": attention.dense.products.ms,
        "dense_block_ms": attention.dense.block.ms,
        "products_ms": attention.ours.products.ms,
        "block_ms": attention.ours.block.ms,
        "evidence": attention.ours.evidence,
    }
    return {**sizes, **attention.ratio.model_dump(), **times, "passed": attention.passed}


def _times(ratio: float) -> str:
    """A ratio as ``297.9x``, without decimals where there are four digits."""
    return f"{ratio:.0f}x" if ratio >= 1000 or ratio == int(ratio) else f"{ratio:.1f}x"
