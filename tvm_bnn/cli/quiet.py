"""Keeps what libraries say to their own developers away from the user."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "PYTHONWARNINGS"


@contextmanager
def quiet() -> Iterator[None]:
    """No Python warnings, and of logs only errors; as before afterwards."""
    disabled, inherited = logging.root.manager.disable, os.environ.get(_VARIABLE)
    # Workers are processes of their own and read this when they start.
    os.environ[_VARIABLE] = "ignore"
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        if inherited is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = inherited
