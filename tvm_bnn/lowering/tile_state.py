"""The state of tiles around the loops that use them: configured by whichever thread runs, released at the end.

Loops are arranged first; then :func:`with_tiles` wraps the body of the loop that the arrangement marked, so that the
configuration is loaded once an iteration of it, in the thread that runs the iteration. It also takes away the start
value of the sums, since the instructions write them whole.
"""

from __future__ import annotations

from typing import Any

from tvm_bnn._tvm import T, s_tir, tirx
from tvm_bnn.lowering.amx import CONFIGURATION_WORDS, Tiles, configuration

MARK = "tvm_bnn.tiles"
"""Annotation of the loop whose body shall find tiles configured."""

SUMS = "acc_o"
"""The block that the instructions stand in."""

Stmt = Any


def with_tiles(function: Any, tiles: Tiles) -> Any:
    """The arranged function with its tiles configured in the marked loop.

    Raises:
        ValueError: no loop is marked.
    """
    body, marks = _rewritten(function.body, tiles)
    if not marks:
        raise ValueError(f"expected a loop that is marked {MARK}, got none")
    return function.with_body(body)


def _rewritten(stmt: Stmt, tiles: Tiles) -> tuple[Stmt, int]:
    """The statement rewritten, and how many marks it held. Only what arranged loops consist of is entered."""
    if isinstance(stmt, tirx.SeqStmt):
        rewritten = [_rewritten(part, tiles) for part in stmt.seq]
        return tirx.SeqStmt([part for part, _ in rewritten]), sum(marks for _, marks in rewritten)
    if isinstance(stmt, s_tir.SBlockRealize):
        block, (body, marks) = stmt.block, _rewritten(stmt.block.body, tiles)
        init = None if str(block.name_hint) == SUMS else block.init
        parts = (block.iter_vars, block.reads, block.writes, block.name_hint, body, init)
        changed = s_tir.SBlock(*parts, block.alloc_buffers, block.match_buffers, block.annotations)
        return s_tir.SBlockRealize(stmt.iter_values, stmt.predicate, changed), marks
    if isinstance(stmt, tirx.For):
        body, marks = _rewritten(stmt.body, tiles)
        annotations = dict(stmt.annotations)
        if annotations.pop(MARK, None) is not None:
            body, marks = _configured(body, tiles), marks + 1
        loop = tirx.For(
            stmt.loop_var, stmt.min, stmt.extent, stmt.kind, body, stmt.thread_binding, annotations, stmt.step
        )
        return loop, marks
    return stmt, 0


def _configured(body: Stmt, tiles: Tiles) -> Stmt:
    """Configure, do, release."""
    words = tirx.decl_buffer((CONFIGURATION_WORDS,), "int32", "tile_configuration", scope="local")
    stores = [tirx.BufferStore(words, tirx.const(word, "int32"), [i]) for i, word in enumerate(configuration())]
    configure = tirx.Evaluate(tiles.configure(T.address_of(words[0])))
    inside = tirx.SeqStmt([*stores, configure, body, tirx.Evaluate(tiles.release())])
    block = s_tir.SBlock([], [], [], "tiles", inside, alloc_buffers=[words])
    return s_tir.SBlockRealize([], True, block)
