from collections.abc import Iterator
from typing import Any

import pytest

from tvm_bnn.cli import progress, tune


class Tuner:
    """Tells three events, and what it was interrupted by."""

    def __init__(self) -> None:
        self.interrupted = False

    def run(self) -> Iterator[str]:
        try:
            yield from ("first", "second", "third")
        except KeyboardInterrupt:
            self.interrupted = True
            yield "kept"


def test_an_interruption_while_an_event_is_shown_reaches_the_tuner(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []

    def told(_self: object, event: Any) -> None:
        shown.append(event)
        if event == "second":
            raise KeyboardInterrupt

    monkeypatch.setattr(progress._Plain, "told", told)
    tuner = Tuner()
    assert tune._follow(tuner) == "kept"  # type: ignore[comparison-overlap]
    assert tuner.interrupted
    assert shown == ["first", "second", "kept"]
