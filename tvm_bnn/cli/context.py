"""What commands do before their own work: models, targets and records by what the user wrote.

Heavy modules are imported where they are needed, so that the help does not wait for them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tvm_bnn.errors import UsageError

if TYPE_CHECKING:
    from tvm_bnn.graph.phases import Compiled
    from tvm_bnn.models.load import LoadedModel
    from tvm_bnn.ops import Operator
    from tvm_bnn.targets import Target
    from tvm_bnn.tuning.plan import Choice
    from tvm_bnn.tuning.records import RecordBook
    from tvm_bnn.tuning.runners import RunnerKind, Wanted

_SIZE = re.compile(r"(\d+)x(\d+)")
WORK = Path("tvm-bnn-work")
ESTIMATED = (
    "estimated: by a model of one core, no hardware was timed; threads, interrupts, clock and heat are left out, "
    "and what is less than 10 % apart is in no known order"
)


def note(line: str) -> None:
    """One line of progress on stderr."""
    print(line, file=sys.stderr, flush=True)


def parse_size(text: str) -> tuple[int, int]:
    """``HxW`` as (height, width).

    Raises:
        UsageError: anything else.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"--input-size: expected HxW, got '{text}'", "for example --input-size 384x1248")
    return int(match[1]), int(match[2])


def load_model(model: str, width: str, input_size: str | None, seed: int | None) -> LoadedModel:
    """The network that the user named.

    Raises:
        UsageError: unknown model, a size that does not fit, or a network that cannot be frozen.
    """
    size = parse_size(input_size) if input_size is not None else None
    from tvm_bnn.models.load import load

    return load(model, width=width, input_size=size, seed=seed)


def threads_or_all(threads: int | None) -> int:
    """So many cores, or all that this process may use."""
    from tvm_bnn.targets import logical_cores

    return logical_cores() if threads is None else threads


def threads_of(target: Target, threads: int | None, kind: RunnerKind | None) -> int:
    """So many cores, or all of the board or of this host; estimates are of one.

    Raises:
        UsageError: several cores are named, and their time would be estimated.
    """
    if kind == "static":
        if threads not in (None, 1):
            raise UsageError(
                f"--threads: expected 1, got {threads}: estimates are of one thread",
                "measure on a board with --rpc-tracker, or leave --threads out",
            )
        return 1
    if threads is None and (target.is_cross() or target.kind == "cuda") and target.cores is not None:
        return target.cores
    return threads_or_all(threads)


def work_dir_of(target: Target, work_dir: Path | None) -> Path:
    """The work dir: the one that was named, or the usual one."""
    return WORK / target.name if work_dir is None else work_dir


def book_of(target: Target, records: Path | None, work_dir: Path | None) -> RecordBook:
    """Records in order of precedence: those that were named, of the work dir, shipped.

    What cannot be used is named on stderr, one line each.

    Raises:
        UsageError: a folder that was named does not exist.
    """
    from tvm_bnn.tuning.records import load_book

    for option, folder in (("--records", records), ("--work-dir", work_dir)):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{option}: expected a folder, got none at '{folder}'", "check the path")
    folders = [work_dir_of(target, work_dir) / "records"]
    book, damages = load_book(target, [records, *folders] if records is not None else folders)
    for damage in damages:
        for number, reason in damage.lines:
            note(f"{damage.path}:{number}: not a record, ignored: {reason}")
    _name_stale(book)
    return book


def _name_stale(book: RecordBook) -> None:
    from tvm_bnn.lowering.registry import CUDA_ROWS, ROWS

    current = {row.lowering.name: row.space.version for row in (*ROWS, *CUDA_ROWS)}
    held = Counter((record.lowering, record.space_version) for record in book.stale)
    for (lowering, version), number in sorted(held.items()):
        if lowering not in current:
            note(f"{number} records of the unknown lowering {lowering} are not used")
        else:
            note(f"{number} records of {lowering} are stale (space version {version}, now {current[lowering]})")


@dataclass(frozen=True)
class Request:
    """What a command is to work on, as the user wrote it; ``wanted`` where it needs times."""

    model: str
    width: str
    input_size: str | None
    seed: int | None
    target: str
    threads: int | None
    work_dir: Path | None
    records: Path | None
    wanted: Wanted | None = None


@dataclass(frozen=True)
class Job:
    """The same, resolved: a model, a target, and the records to choose by.

    ``kind`` is the runner that tells times, None where none is asked for any.
    """

    model: LoadedModel
    target: Target
    threads: int
    book: RecordBook
    kind: RunnerKind | None = None

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """One picture: [1, H, W, 3]."""
        return (1, *self.model.input_size, 3)

    def choose(self, operator: Operator) -> Choice:
        """The lowering and the arrangement of one operator."""
        from tvm_bnn.tuning.plan import choose

        return choose(operator, self.target, self.threads, self.book)

    def compile(self, dump: Path | None, prefix: str | None = None) -> Compiled:
        """Compile the network; with a prefix for its functions as part of a program.

        Raises:
            UsageError: an operator cannot be lowered.
        """
        from tvm_bnn.graph.phases import compile_network

        return compile_network(
            self.model.network, self.input_shape, self.target, self.threads, self.choose, dump, prefix
        )


def resolve(request: Request) -> Job:
    """Look everything up; the quick things first, so that a typing error shows at once.

    Raises:
        UsageError: unknown target or model, a size that does not fit, no such folder of records.
    """
    from tvm_bnn.targets import load as load_target

    target = load_target(request.target)
    kind = request.wanted.kind(target) if request.wanted else None
    threads = threads_of(target, request.threads, kind)
    model = load_model(request.model, request.width, request.input_size, request.seed)
    book = book_of(target, request.records, request.work_dir)
    job = Job(model, target, threads, book, kind)
    size = "x".join(map(str, model.input_size))
    note(f"{model.name} {model.width} {size} for {target.name}, threads: {job.threads}".replace("  ", " "))
    return job
