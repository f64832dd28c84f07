from tests.tuning.fakes import CONV, TARGET, WIDE
from tests.tuning.test_plan import LABELS, MASKED
from tvm_bnn.tuning.task import extract_tasks


def test_tasks_are_the_distinct_operators_with_a_choice() -> None:
    pairs = [("a", CONV), ("b", LABELS), ("c", WIDE), ("d", CONV), ("e", MASKED)]
    tasks = extract_tasks(iter(pairs), TARGET, 2)
    assert [(t.index, t.operator, t.count, t.places) for t in tasks] == [(0, CONV, 2, ("a", "d")), (1, WIDE, 1, ("c",))]
    assert tasks[0].key == (CONV.signature, "popcount-lanes", 1, 2)
    assert tasks[0].points == len(tasks[0].row.space.tiles(tasks[0].setting)) * len(
        tasks[0].row.space.variants(tasks[0].setting)
    )
