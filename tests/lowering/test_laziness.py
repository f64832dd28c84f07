"""Intrinsics are parsed when they are asked for: each takes a third of a second, and most commands need none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tvm_bnn import lowering, spaces

MODULES = [path for package in (lowering, spaces) for path in sorted(Path(package.__path__[0]).glob("*.py"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_nothing_is_parsed_or_registered_by_importing(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    decorators = [ast.unparse(one) for node in body if isinstance(node, ast.FunctionDef) for one in node.decorator_list]
    assert not [decorator for decorator in decorators if "prim_func" in decorator]
    loose = [node for node in body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert not [node.lineno for node in loose if "register_intrinsic(" in ast.unparse(node)]
