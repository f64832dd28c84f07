import json

import numpy as np
import pytest

from tests.torture.mutations import mutated
from tvm_bnn.tuning.lines import sealed, unsealed

CONTENT = {"schema_version": 1, "name": "größe \u2028", "secs": [0.25, 1e-7], "point": {"tile": [1, 2]}, "none": None}
LINE = sealed(CONTENT).encode()


def test_round_trip() -> None:
    assert LINE.endswith(b"\n")
    assert LINE.count(b"\n") == 1
    assert json.loads(unsealed(LINE)) == CONTENT | {"schema_version": 2}


def test_only_what_is_said_counts() -> None:
    spelt = json.dumps(json.loads(LINE), indent=None, separators=(" ,  ", ":"), ensure_ascii=False).encode()
    assert spelt != LINE
    assert json.loads(unsealed(spelt)) == json.loads(unsealed(LINE))


def test_a_line_that_is_older_than_checksums_is_taken_as_it_stands() -> None:
    old = json.dumps(CONTENT).encode()
    assert unsealed(old) == old


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON: nested too deeply"),
        (b"[1]", "expected a JSON object, got list"),
        (b"{}", "expected a checksum, got none"),
        (LINE.replace(b"0.25", b"0.15"), "the checksum is wrong"),
        (LINE.replace(b'"schema_version": 2', b'"schema_version": 1'), "the checksum is wrong"),
        (LINE.replace(b'"check"', b'"chekc"'), "expected a checksum, got none"),
    ],
)
def test_bad_lines(line: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*$") as caught:
        unsealed(line)
    assert reason in str(caught.value)


@pytest.mark.parametrize("seed", range(200))
def test_a_line_that_was_changed_says_the_same_or_nothing(seed: int) -> None:
    try:
        found = json.loads(unsealed(mutated(LINE, np.random.default_rng(seed))))
    except ValueError:
        return
    assert found == json.loads(unsealed(LINE))
