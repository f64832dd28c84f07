import pytest

from tvm_bnn.remote.cooling import ThrottledError, unthrottled


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that are made, without waiting."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


def test_a_cool_board_is_measured_once(pauses: list[float]) -> None:
    assert unthrottled(lambda: 5, pytest.fail) == 5
    assert not pauses


def test_a_hot_board_is_left_alone_for_longer_each_time(pauses: list[float]) -> None:
    attempts = [0]
    told: list[str] = []

    def measure() -> int:
        attempts[0] += 1
        if attempts[0] < 3:
            raise ThrottledError("board pi: throttling while it measured", "cool it")
        return attempts[0]

    assert unthrottled(measure, told.append) == 3
    assert pauses == [10, 30]
    assert told[0] == "board pi: throttling while it measured; measuring again in 10 s"


def test_a_board_that_stays_hot(pauses: list[float]) -> None:
    def measure() -> int:
        raise ThrottledError("hot", "cool it")

    with pytest.raises(ThrottledError, match="hot"):
        unthrottled(measure, lambda line: None)
    assert pauses == [10, 30, 60]
