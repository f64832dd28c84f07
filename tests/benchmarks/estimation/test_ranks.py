import pytest

from benchmarks.estimation.ranks import kendall, ordered, percentiles, spearman


def test_correlations_are_those_of_the_textbook() -> None:
    # Ranks 1 2 3 4 5 and 2 1 4 3 5: squared differences sum to 4, two of ten pairs are out of order.
    pairs = [(1.0, 20.0), (2.0, 10.0), (3.0, 40.0), (4.0, 30.0), (5.0, 50.0)]
    assert spearman(pairs) == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert kendall(pairs) == pytest.approx((8 - 2) / 10)


def test_correlations_do_not_depend_on_the_scale() -> None:
    pairs = [(1.0, 9.0), (2.0, 4.0), (3.0, 1.0)]
    assert spearman(pairs) == pytest.approx(-1)
    assert kendall(pairs) == pytest.approx(-1)


def test_ties_share_their_rank() -> None:
    # Ranks 1.5 1.5 3 against 1 2 3: correlation sqrt(3) / 2. Tau-b: 2 of sqrt(2 * 3) pairs.
    pairs = [(1.0, 1.0), (1.0, 2.0), (3.0, 3.0)]
    assert spearman(pairs) == pytest.approx(3**0.5 / 2)
    assert kendall(pairs) == pytest.approx(2 / 6**0.5)


def test_pairs_are_counted_within_a_group_and_by_their_distance() -> None:
    groups = [[(1.0, 5.0), (1.2, 4.0), (2.0, 6.0)], [(10.0, 1.0)]]
    assert ordered(groups, 1.0, 1.1) == (0, 0)
    assert ordered(groups, 1.1, 1.3) == (0, 1)
    assert ordered(groups, 1.3) == (2, 2)


def test_percentiles() -> None:
    assert percentiles([float(value) for value in range(101)]) == {5: 5.0, 25: 25.0, 50: 50.0, 75: 75.0, 95: 95.0}
