from pathlib import Path

import pytest

from tests.tuning.offline import H200, exported
from tvm_bnn.errors import UsageError
from tvm_bnn.spaces.base import Point
from tvm_bnn.tuning.exports import Export, awaited, held_exports, new_batch, origin_of
from tvm_bnn.tuning.journal import Trial
from tvm_bnn.tuning.settle import versions
from tvm_bnn.tuning.workdir import WorkDir

OTHER = "f" * 16


def came_back(export: Export, number: int) -> Trial:
    board = {"export": export.id, "number": number}
    return Trial(**export.sent[number].model_dump(), threads=export.threads, run_secs=[1e-3], board=board)


def test_a_work_dir_remembers_what_is_out(tmp_path: Path) -> None:
    work = WorkDir(tmp_path / "w")
    assert held_exports(work) == []
    kept = [exported(work, tmp_path / "one"), exported(work, tmp_path / "two", name=OTHER)]
    assert held_exports(work) == kept


def test_what_has_come_back_is_awaited_no_more(tmp_path: Path) -> None:
    export = exported(WorkDir(tmp_path / "w"), tmp_path / "d")
    sent = export.sent[0]
    key = (sent.operator, sent.lowering, sent.space_version, export.threads)
    keys = {Point.from_dict(sent.point).key for sent in export.sent.values()}
    assert awaited([export], []) == {key: keys}
    back = came_back(export, 1)
    assert awaited([export], [back]) == {key: keys - {Point.from_dict(back.point).key}}
    # The same point, measured in another way, is not the answer to what is out.
    assert awaited([export], [back.model_copy(update={"board": None})]) == {key: keys}


def test_origins() -> None:
    fields = {"operator": "o", "lowering": "l", "space_version": 1, "threads": 1, "run_secs": [1.0]}
    point = {"tile": [1], "order": "pixels"}
    assert origin_of(Trial(**fields, point=point)) is None
    assert origin_of(Trial(**fields, point=point, board={"model": "Raspberry Pi"})) is None
    assert origin_of(Trial(**fields, point=point, board={"export": OTHER, "number": 3})) == (OTHER, 3)


def test_every_batch_has_an_id_of_its_own() -> None:
    first, second = (new_batch("net", H200, 132, versions()) for _ in range(2))
    assert first.id != second.id
    assert first.model_copy(update={"id": second.id}) == second


def test_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    work = WorkDir(tmp_path)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "x.json").write_text("{")
    with pytest.raises(UsageError, match=r"cannot read .*x\.json"):
        held_exports(work)
