import pytest

from tvm_bnn.ops.registry import OPERATORS
from tvm_bnn.reporting.palette import ACCENT, DARK, FAMILIES, INK, LIGHT, MUTED, PAPER, contrast, family, variables


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out(palette: dict[str, str]) -> None:
    for ground in (PAPER, "panel"):
        assert all(contrast(palette[role], palette[ground]) >= 4.5 for role in (INK, MUTED, ACCENT))
    assert all(contrast(palette[role], palette[PAPER]) >= 3 for role in FAMILIES)


def test_every_kind_of_operator_has_a_family_of_its_own_name() -> None:
    assert {kind: family(kind) for kind in OPERATORS if family(kind) == "ordinary"} == {}
    assert family("linear") == "ordinary"


def test_both_palettes_are_in_the_style() -> None:
    assert LIGHT.keys() == DARK.keys()
    style = variables()
    assert f"--binary:{LIGHT['binary']};" in style
    assert f"--binary:{DARK['binary']};" in style.partition("prefers-color-scheme:dark")[2]
