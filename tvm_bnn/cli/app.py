"""The program: its commands, its exit codes, and how it says what went wrong."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Annotated

import typer

from tvm_bnn import __version__
from tvm_bnn.cli.quiet import quiet
from tvm_bnn.errors import TvmBnnError, UsageError

PROGRAM = "tvm-bnn"
COMMANDS = (
    *("targets", "doctor", "tune", "compile", "profile", "verify", "report", "diff", "run", "inspect"),
    *("train", "evaluate", "summary"),
)
"""One module of this package each, in the order of the help; its function ``command`` is the command."""

_INTERRUPTED = 130
_PIPE_CLOSED = 141
_LONGEST_LINE = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; None takes those of the process.

    Returns:
        the exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    _show_anything()
    debug = _take_debug(given)
    with nullcontext() if debug else quiet():
        try:
            return _run(given)
        except KeyboardInterrupt:
            return _INTERRUPTED
        except Exception as error:
            return _report(error, debug)


def _run(given: list[str]) -> int:
    try:
        code = _app()(given or ["--help"], prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # Typer turns a closed pipe into an exit of its own.
        return _pipe_closed()
    if not given:
        return UsageError.exit_code
    return code if isinstance(code, int) else 0


def _show_anything() -> None:
    """A path may hold bytes that are no text: what a stream cannot take is written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _take_debug(arguments: list[str]) -> bool:
    """Remove ``--debug``, which may stand anywhere before ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [argument for argument in arguments[:end] if argument != "--debug"]
    debug = len(kept) < end
    arguments[:end] = kept
    return debug


def _app() -> Callable[..., object]:
    # Boxes and colours are for people: in a file or a pipe, help is plain lines.
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_program)
    for name in COMMANDS:
        app.command(name)(importlib.import_module(f"tvm_bnn.cli.{name}").command)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _program(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, and what libraries have to say.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Binary neural networks for semantic segmentation: integers only, tuned by measuring."""


def _report(error: Exception, debug: bool) -> int:
    """One line and a hint on stderr; the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        # Even asking whether there is such a file fails, wherever that is done.
        error = UsageError(f"{error.strerror}: '{error.filename}'", "name a shorter one")
    if isinstance(error, TvmBnnError):
        _complain(error.message, error.hint)
        return error.exit_code
    if isinstance(error, typer.TyperException):
        # Typer wraps what its own checks raise in a phrase of pydantic's.
        _complain(error.format_message().replace("Value error, ", ""), f"see {_place(error)} --help")
        return error.exit_code
    _complain(f"internal error: {type(error).__name__}: {error}", None if debug else "run with --debug and report it")
    return 1


def _place(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else PROGRAM


def _complain(message: str, hint: str | None) -> None:
    print(f"{PROGRAM}: error: {_one_line(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {_one_line(hint)}", file=sys.stderr)


def _one_line(text: str) -> str:
    """What a damaged file holds in place of a name may be of any length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..."


def _pipe_closed() -> int:
    # Whoever read has seen enough. What is still in the buffer must not fail again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _PIPE_CLOSED
