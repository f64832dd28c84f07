"""Pages: HTML that needs nothing beside it, from templates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tvm_bnn import __version__
from tvm_bnn.reporting import svg
from tvm_bnn.reporting.comparison import Absent, Compared
from tvm_bnn.reporting.labels import count, percent, size
from tvm_bnn.reporting.palette import variables
from tvm_bnn.reporting.views import View
from tvm_bnn.reporting.words import milliseconds, number, plural, spread, times

_TEMPLATES = Path(__file__).resolve().parent / "templates"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (breakable, count, milliseconds, number, percent, plural, size, spread, times)
    environment.globals.update({word.__name__: word for word in words})
    environment.globals.update(
        palette=Markup(variables()),
        roles=Markup(svg.roles_css()),
        css=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        hatch=Markup(svg.HATCH),
        version=__version__,
    )
    return environment


def breakable(name: str) -> Markup:
    """A dotted name as HTML that may go on in a new line after each dot."""
    return Markup(".<wbr>").join(name.split("."))


def target_page(views: Sequence[View]) -> str:
    """The page of one target: a chapter a network.

    Args:
        views: at least one, all of the same target.
    """
    return _environment().get_template("target.html").render(views=views, target=views[0].chapter.target)


def comparison_page(views: Sequence[View], networks: Sequence[Compared], absent: Sequence[Absent]) -> str:
    """The page over all targets and networks, and what there is no figure of."""
    targets = {view.chapter.target.name: view.chapter.target for view in views}
    page = _environment().get_template("comparison.html")
    return page.render(views=views, networks=networks, targets=list(targets.values()), absent=absent)
