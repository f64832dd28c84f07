import json
from pathlib import Path

import pytest

from tests.tuning.offline import ID, result
from tvm_bnn.tuning.measuring.entries import Entries, opened
from tvm_bnn.tuning.measuring.unusable import Unusable


def test_lines_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with opened(path) as file:
        entries = Entries(file, ID)
        entries.add({"machine": "m", "facts": {}})
        entries.add(result(3, 2e-3))
        entries.add(result(3, 4e-3, again=True))
    with opened(path) as file:
        again = Entries(file, ID)
    assert (again.first, again.again) == (entries.first, entries.again)
    assert list(again.first) == list(again.again) == [3]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_spoils_no_other(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "results.jsonl"
    whole = "".join(json.dumps({"batch": ID, **result(number)}) + "\n" for number in range(2))
    path.write_text(whole[:-cut])
    with opened(path) as file:
        entries = Entries(file, ID)
        # Without its end of line, a line that is whole otherwise counts.
        assert list(entries.first) == ([0, 1] if cut == 1 else [0])
        entries.add(result(1, 5e-3))
    lines = path.read_text().splitlines()
    assert json.loads(lines[-1])["run_secs"] == [5e-3] * 3
    assert json.loads(lines[0])["number"] == 0


def test_lines_of_others_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    strange = ['{"batch": "other", "number": 1}', "[]", "3", '{"number": 2}', f'{{"batch": "{ID}", "number": "x"}}']
    path.write_text("\n".join(strange) + "\n")
    with opened(path) as file:
        assert Entries(file, ID).first == {}


def test_medians(tmp_path: Path) -> None:
    with opened(tmp_path / "results.jsonl") as file:
        entries = Entries(file, ID)
        for line in (result(0, 3e-3), result(1, 2e-3), result(2, failure="crash", message=""), result(3, 1e-3)):
            entries.add(line)
        entries.add(result(3, failure="wrong", message="", again=True))
        entries.add(result(1, failure="timeout", message="", again=True))
        candidates = [{"number": number} for number in range(5)]
        assert [entries.median(number) for number in range(5)] == [3e-3, 2e-3, None, None, None]
        assert entries.best(candidates) == 2e-3
        assert entries.best(candidates[2:]) is None


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "results.jsonl"),
        pytest.raises(Unusable, match="another process"),
        opened(tmp_path / "results.jsonl"),
    ):
        pytest.fail("opened")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="cannot write") as refused, opened(tmp_path / "none" / "results.jsonl"):
        pytest.fail("opened")
    assert refused.value.hint
