"""The clock on dense attention in torch, in a process of its own: ``python -m tvm_bnn.verification.yardstick``.

The argument is the JSON of :class:`Request`, the last line of the output that of :class:`Timings`. There are several
ways to compute the products, in two precisions, and the fastest of each precision counts. On large maps that is decided
on a part of the tokens. Operands are in their precision and padding before the clock starts, so that nothing but the
products counts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

import tvm_bnn
from tvm_bnn.errors import ToolchainError
from tvm_bnn.nn import PooledBinaryAttention
from tvm_bnn.nn.attention import DenseAttention

_PROBE = 8
"""On large maps, ways are compared on so many times fewer tokens."""

_LARGE = 2**13
"""Tokens beyond which a map is large: all scores at once would take more than 256 MiB."""

_ROWS_BYTES = 2**24
"""Of scores that exist at a time where they are computed by rows."""

_QUICK = 0.2
"""Seconds; what takes longer is timed twice instead of three times."""

_WHOLE = "whole"
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Request:
    """Sizes of the attention, and how many cores it may use."""

    height: int
    width: int
    channels: int
    ck: int
    cv: int
    threads: int


@dataclass(frozen=True)
class Timings:
    """Medians in milliseconds.

    Attributes:
        products: by the name of the way, such as ``sdpa bfloat16``; the fastest one of each precision.
        rest: projections, gate and sum of the block in float32.
    """

    products: dict[str, float]
    rest: float


def measure(request: Request) -> Timings:
    """Start the process and wait for it.

    Raises:
        ToolchainError: it failed.
    """
    root = str(Path(tvm_bnn.__file__).parents[1])
    search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "tvm_bnn.verification.yardstick", json.dumps(asdict(request))]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True)
    if done.returncode:
        told = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ToolchainError(f"dense attention could not be timed: {told}", "a smaller --input-size needs less memory")
    return Timings(**json.loads(done.stdout.splitlines()[-1]))


def main(argument: str) -> None:
    """What the process does."""
    request = Request(**json.loads(argument))
    torch.set_num_threads(request.threads)
    torch.manual_seed(0)
    with torch.inference_mode():
        timings = Timings(dict(_products(request)), _rest(request))
    print(json.dumps(asdict(timings)))  # noqa: T201


def _products(request: Request) -> Iterator[tuple[str, float]]:
    tokens = request.height * request.width
    large = tokens > _LARGE
    for name, dtype in _PRECISIONS.items():
        ways = _ways(tokens // _PROBE if large else tokens, request, dtype)
        seconds = {way: _median(call) for way, call in ways.items() if way != _WHOLE or not large}
        fastest = min(seconds, key=seconds.__getitem__)
        spent = _median(_ways(tokens, request, dtype)[fastest]) if large else seconds[fastest]
        yield f"{fastest} {name}", 1e3 * spent


def _ways(tokens: int, request: Request, dtype: torch.dtype) -> dict[str, Callable[[], Tensor]]:
    """Calls on random operands of so many tokens.

    Torch's fused attention wants heads of one width, so the narrower operands are padded for it.
    """
    query, key = (torch.randn(1, 1, tokens, request.ck, dtype=dtype) for _ in range(2))
    value = torch.randn(1, 1, tokens, request.cv, dtype=dtype)
    wide = max(request.ck, request.cv)
    q, k, v = (functional.pad(operand, (0, wide - operand.shape[-1])) for operand in (query, key, value))
    scale = request.ck**-0.5
    return {
        "sdpa": lambda: functional.scaled_dot_product_attention(q, k, v, scale=scale),
        "rows": lambda: _by_rows(query, key, value, scale),
        _WHOLE: lambda: torch.softmax(scale * query @ key.mT, -1) @ value,
    }


def _by_rows(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """As many queries at a time as keep their scores in the caches."""
    rows = max(1, _ROWS_BYTES // (key.shape[2] * key.element_size()))
    parts = [torch.softmax(scale * part @ key.mT, -1) @ value for part in query.split(rows, 2)]
    return torch.cat(parts, 2)


class _Values(DenseAttention):
    """In place of the products: the values."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Pass them on."""
        return value


def _rest(request: Request) -> float:
    """The block without its products, in milliseconds."""
    block = PooledBinaryAttention(request.channels, request.ck, real=True).eval()
    block.attend = _Values()
    x = torch.randn(1, request.channels, request.height, request.width)
    return 1e3 * _median(lambda: block(x))


def _median(call: Callable[[], Tensor]) -> float:
    """Seconds, after one call to warm up."""
    first = _seconds(call)
    return statistics.median(_seconds(call) for _ in range(3 if first < _QUICK else 2))


def _seconds(call: Callable[[], Tensor]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1])
