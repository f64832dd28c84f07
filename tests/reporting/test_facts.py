import pytest

from tests.tiny import MODEL
from tvm_bnn.models.load import LoadedModel, load
from tvm_bnn.reporting.facts import NetworkFacts, network_facts
from tvm_bnn.reporting.gains import gains, totals
from tvm_bnn.reporting.widths import shares
from tvm_bnn.targets import load as load_target
from tvm_bnn.tuning.plan import choose
from tvm_bnn.tuning.records import RecordBook, load_book

TARGET = load_target("x86-avx512")


def facts_of(model: LoadedModel, book: RecordBook) -> NetworkFacts:
    return network_facts(model, lambda operator: choose(operator, TARGET, 1, book))


@pytest.fixture(scope="module")
def tiny() -> NetworkFacts:
    return facts_of(load(MODEL), RecordBook(TARGET))


@pytest.fixture(scope="module")
def preset() -> NetworkFacts:
    """At its own size, for which records ship."""
    return facts_of(load("ecssd"), load_book(TARGET, [])[0])


def test_maps_live_from_their_writer_to_their_last_reader(tiny: NetworkFacts) -> None:
    picture, stream, signs, labels = 16 * 24 * 3, 4 * 6 * 64 * 2, 4 * 6 * 8, 16 * 24
    alive = tiny.alive
    assert list(alive) == ["stem.0", "conv", "head", "scores"]
    assert alive["stem.0"] == picture + stream + signs
    # The picture is read by the stem alone; the stream is the shortcut of the convolution.
    assert alive["conv"] > stream + signs
    assert alive["conv"] - stream - signs < picture + stream
    assert alive["scores"] >= labels


def test_widths_add_up(tiny: NetworkFacts) -> None:
    found = shares(tiny)
    assert [share.label for share in found] == ["1 x 1 bit", "8 x 8 bit"]
    assert [share.binary for share in found] == [True, False]
    assert found[0].macs == 4 * 6 * 64 * 64 * 9
    assert sum(share.macs_share for share in found) == pytest.approx(1)
    assert sum(share.ops_share for share in found) == pytest.approx(1)


def test_without_records_nothing_was_gained(tiny: NetworkFacts) -> None:
    assert gains(tiny) == []
    assert gains(None) == []
    assert tiny.attentions == ()
    assert tiny.plans["conv"].record is None
    assert tiny.plans["conv"].point.startswith("tile ")


def test_gains_count_every_use_and_the_greatest_is_first(preset: NetworkFacts) -> None:
    found = gains(preset)
    saved = [gain.saved_ms for gain in found]
    assert saved == sorted(saved, reverse=True)
    assert max(gain.uses for gain in found) == 4
    before, after = totals(found)
    assert before - after == pytest.approx(sum(saved))


def test_the_attention_by_formula(preset: NetworkFacts) -> None:
    (one,) = preset.attentions
    assert (one.tokens, one.anchors) == (1600, 110)
    assert one.dense_products / one.products == pytest.approx(1600 / 110)
    assert one.dense_block / one.block > 100
    assert one.bits == "1 x 1 and 8 x 1"
