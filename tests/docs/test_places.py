"""What the documentation points to is there."""

from __future__ import annotations

import re

import pytest

from tests.docs.commands import DOCUMENTS, ROOT, code, prose, text_of

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)+/?")
_FOLDERS = frozenset(
    ("benchmarks", "docs", "examples", "reports", "schedules", "targets", "tests", "tvm_bnn"),
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    links = [link.partition("#")[0] for link in _LINK.findall(prose(text_of(document))) if ":" not in link]
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    named = [found for found in code(text_of(document)) if _PATH.fullmatch(found) and found.split("/")[0] in _FOLDERS]
    assert [path for path in named if not (ROOT / path).exists()] == []
