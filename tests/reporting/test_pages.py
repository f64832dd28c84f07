from tvm_bnn.reporting.pages import breakable


def test_a_name_breaks_after_its_dots_and_is_no_markup_itself() -> None:
    assert breakable("stem.0.<b>") == "stem.<wbr>0.<wbr>&lt;b&gt;"
