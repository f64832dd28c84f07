"""Keeps what libraries say to their own developers away from the user."""

from __future__ import annotations

import logging
import os
import warnings


def silence() -> None:
    """No Python warnings, and of logs only errors."""
    warnings.simplefilter("ignore")
    # Workers are processes of their own and read this when they start.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    logging.disable(logging.WARNING)
