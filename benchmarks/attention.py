"""``python -m benchmarks.attention [--threads N]``: cost of attention from 256 to 65536 tokens, dense and ours.

The attention is that of the preset ``cityscapes`` at width S. To be run on an idle machine, for some ten minutes, most
of which dense attention takes; writes Markdown, JSON and pictures into ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tvm_bnn.cli.context import book_of
from tvm_bnn.files import write_atomic
from tvm_bnn.models.load import load
from tvm_bnn.reporting.attention_plot import CostPoint, attention_plot, exponent
from tvm_bnn.targets import Target, cpu_model, resolve_host
from tvm_bnn.tuning.plan import choose
from tvm_bnn.tuning.settle import versions
from tvm_bnn.verification.block import blocks
from tvm_bnn.verification.clock import Measured
from tvm_bnn.verification.model import Attention
from tvm_bnn.verification.verify import verify_block

RESULTS = Path(__file__).parent / "results"
MAPS = ((16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256))
"""256 to 65536 tokens, each twice the one before."""

_STRIDE = 8
"""Of the map that the attention works on."""

_MOST_EXPONENT = 1.05


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attention", description=__doc__)
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--most", type=int, default=65536, metavar="TOKENS", help="leave out larger maps")
    arguments = parser.parse_args()
    target = resolve_host()
    chosen = [size for size in MAPS if size[0] * size[1] <= arguments.most]
    write_results(measure(chosen, target, arguments.threads), target, arguments.threads)


def measure(maps: Sequence[tuple[int, int]], target: Target, threads: int) -> list[Attention]:
    """Verify the attention on every map."""
    network, book = load("cityscapes").network, book_of(target, None, None)
    clock = Measured(target, threads, warmup=10, repeat=50, seed=0)
    found = []
    for height, width in maps:
        (block,) = blocks(network.operators_at((1, _STRIDE * height, _STRIDE * width, 3)))
        attention = verify_block(block, lambda operator: choose(operator, target, threads, book), clock, None)
        sys.stderr.write(f"{attention.tokens} tokens: {attention.ratio.products_latency:.0f}x faster\n")
        found.append(attention)
    return found


def write_results(found: Sequence[Attention], target: Target, threads: int, folder: Path = RESULTS) -> None:
    """``attention-<target>`` as Markdown, JSON, PNG and SVG."""
    points = [_point(attention) for attention in found]
    growth = exponent(points, lambda point: point.our_ms)
    document = {
        "schema_version": 1,
        "machine": cpu_model(),
        "target": target.name,
        "threads": threads,
        "versions": versions(),
        "evidence": "measured",
        "exponent": growth,
        "attention": [
            attention.model_dump(mode="json", exclude={"others", "promised", "passed"}) for attention in found
        ],
    }
    stem = f"attention-{target.name}"
    write_atomic(folder / f"{stem}.json", json.dumps(document, indent=1) + "\n")
    write_atomic(folder / f"{stem}.md", markdown(found, growth, target, threads))
    title = f"Attention over tokens: {cpu_model()}, threads: {threads}"
    write_atomic(folder / f"{stem}.png", attention_plot(points, title, "png"))
    write_atomic(folder / f"{stem}.svg", attention_plot(points, title, "svg"))


def _point(attention: Attention) -> CostPoint:
    dense, ours = attention.dense, attention.ours
    operations = ours.counted.products_operations
    return CostPoint(attention.tokens, dense.counted.products_flops, operations, dense.products.ms, ours.products.ms)


def markdown(found: Sequence[Attention], growth: float, target: Target, threads: int) -> str:
    """A table for people."""
    first = found[0]
    lines = [
        f"# Attention over tokens on {cpu_model()} ({target.name}), measured",
        "",
        f"Made by `python -m benchmarks.attention --threads {threads}`. C = {first.channels}, Ck = {first.ck}, "
        f"Cv = {first.cv}, {first.anchors} anchors;",
        f"queries and keys of {first.key_bits} bit, weights of {first.weight_bits}, values of {first.value_bits}. "
        "Products: scores, softmax and mixing; the block has projections,",
        "pooling and gate too. Dense: torch, the fastest way of each precision. FLOPs do not discount bits, OPs do.",
        "",
        "| tokens | products FLOPs, fewer | counted, fewer | block OPs, fewer | products ms | dense ms (way) "
        "| faster | block ms | dense block ms | faster | memory, less |",
        "|" + "---|" * 11,
        *(_row(attention) for attention in found),
        "",
        f"- Time of the products grows with tokens to the power of {growth:.2f} (wanted: at most {_MOST_EXPONENT}).",
    ]
    return "\n".join(lines) + "\n"


def _row(attention: Attention) -> str:
    dense, ours, ratio = attention.dense, attention.ours, attention.ratio
    cells = [
        f"{attention.tokens}",
        f"{ratio.products_flops:.1f}x",
        f"{ratio.products_counted:.1f}x",
        f"{ratio.block_ops:.0f}x",
        f"{ours.products.ms:.3f}",
        ", ".join(f"{way.products_ms:.2f} ({way.name})" for way in dense.ways),
        f"{ratio.products_latency:.0f}x",
        f"{ours.block.ms:.3f}",
        f"{dense.block.ms:.2f}",
        f"{ratio.block_latency:.0f}x",
        f"{ratio.memory:.1f}x",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
