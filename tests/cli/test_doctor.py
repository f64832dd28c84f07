import json
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Cli
from tvm_bnn.reporting import doctor
from tvm_bnn.reporting.doctor import Check

CHECKS = [Check("python", True, "3.11.7"), Check("C++ compiler", False, "none", "install one")]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    checks = list(CHECKS)

    def examine() -> Iterator[Check]:
        yield from checks

    monkeypatch.setattr(doctor, "examine", examine)
    return checks


def test_a_failed_check_is_shown_and_exits_with_4(cli: Cli, examined: list[Check]) -> None:
    code, out, err = cli("doctor")
    assert code == 4
    assert out.splitlines()[-1].split() == ["C++", "compiler", "NO", "none", "install", "one"]
    assert err == "tvm-bnn: error: expected everything in place, got 1 failed: C++ compiler\nhint: install one\n"


def test_a_healthy_machine_exits_with_0(cli: Cli, examined: list[Check]) -> None:
    examined.pop()
    assert cli("doctor")[::2] == (0, "")


def test_json_keeps_the_contract(cli: Cli, examined: list[Check]) -> None:
    assert json.loads(cli("doctor", "--format", "json").out) == {
        "schema_version": 1,
        "checks": [
            {"name": "python", "ok": True, "found": "3.11.7", "hint": ""},
            {"name": "C++ compiler", "ok": False, "found": "none", "hint": "install one"},
        ],
    }
