"""Why nothing can be measured."""

from __future__ import annotations


class Unusable(Exception):
    """Nothing can be measured: one line, a hint and the exit code."""

    def __init__(self, message: str, hint: str, code: int = 2) -> None:
        super().__init__(message)
        self.hint, self.code = hint, code
