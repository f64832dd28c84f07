"""What can go wrong, and the exit code that says so.

Every error that a user can cause or repair is a `TvmBnnError`: one line with what was expected and what was got, and
a hint with what to do. Any other exception is a defect of the program.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class TvmBnnError(Exception):
    """Base of all errors that are reported without a traceback.

    Args:
        message: one line; what was expected and what was got.
        hint: one line; what the user can do about it.
    """

    exit_code: int = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        # Both go into `args`, so the error survives the pickling between tuner and workers.
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(TvmBnnError):
    """A wrong argument or an unusable input or output file."""

    exit_code = 2


class NoCandidateError(TvmBnnError):
    """No candidate compiled and ran, or tuned records were required and are not there."""

    exit_code = 3


class ToolchainError(TvmBnnError):
    """A compiler, a device or a part of the installation is missing."""

    exit_code = 4


class NumericsError(TvmBnnError):
    """Wrong numbers, a failed verification, or a regression above the limit."""

    exit_code = 5


def closest(name: str, choices: Iterable[str]) -> str:
    """A hint for a misspelt name: the nearest choice if one is near, then all of them, in their own order.

    Args:
        name: what the user wrote.
        choices: what would have been right; may be empty.
    """
    known = list(choices)
    folded = {choice.casefold(): choice for choice in known}
    near = get_close_matches(name.casefold(), folded, n=1)
    listing = f"choose from: {', '.join(known)}" if known else "there is nothing to choose from"
    return f"did you mean '{folded[near[0]]}'? {listing}" if near else listing
