"""Lines that tell when they were changed: one JSON object each, with a checksum of what it says.

``{"check": "5f0c...", ..., "schema_version": 2}``: ``check`` is the beginning of the SHA-256 of the object without it,
written canonically (sorted keys, no spaces), so it holds what is said and not how it is spelt. A line of schema version
1 is older than checksums and is taken as it stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEALED = 2
"""The first schema version whose lines have a checksum."""

_DIGITS = 16


def sealed(content: Mapping[str, Any]) -> str:
    """A line, its end included, that says ``content``."""
    data = {**content, "schema_version": SEALED}
    return json.dumps(data | {"check": _check(data)}, sort_keys=True) + "\n"


def unsealed(line: bytes) -> bytes:
    """The JSON of what a line says, without its checksum.

    Raises:
        ValueError: it is no JSON object, its checksum is wrong, or there is none and should be; one line.
    """
    try:
        data = json.loads(line)
    except RecursionError:
        raise ValueError("Invalid JSON: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"Invalid JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    if "check" not in data and data.get("schema_version") == 1:
        return line
    check = data.pop("check", None)
    if check is None:
        raise ValueError("expected a checksum, got none")
    if check != _check(data):
        raise ValueError("the checksum is wrong: the line was changed or is damaged")
    return json.dumps(data).encode()


def _check(data: Mapping[str, Any]) -> str:
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]
