import ctypes
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.targets.gpus import GEFORCE, H200, Driver
from tvm_bnn.errors import ToolchainError, UsageError
from tvm_bnn.targets import catalog, gpu, load, names
from tvm_bnn.targets.gpu import Gpu, ask, find_gpu, present_gpu, target_of
from tvm_bnn.targets.reader import read_all


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    find_gpu.cache_clear()
    yield
    find_gpu.cache_clear()


def here(monkeypatch: pytest.MonkeyPatch, driver: Any) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)


def test_a_driver_is_asked_for_what_it_tells() -> None:
    assert ask(Driver(H200)) == H200
    assert H200.arch == "sm_90"


def test_no_driver_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    with pytest.raises(ToolchainError, match=r"expected an NVIDIA GPU and its driver, got none") as caught:
        load("cuda")
    assert caught.value.exit_code == 4
    assert "--target h200" in str(caught.value.hint)
    assert present_gpu() is None
    assert list(catalog.present()) == ["cpu"]


@pytest.mark.parametrize(("init", "get"), [(100, 0), (0, 101)])
def test_a_driver_without_a_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch, init: int, get: int) -> None:
    here(monkeypatch, Driver(H200, init, get))
    with pytest.raises(ToolchainError, match=f"expected an NVIDIA GPU, got error {init or get} of its driver"):
        load("cuda")


def test_a_card_with_a_file_has_its_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, Driver(H200))
    assert load("cuda") == load("h200")
    assert catalog.present()["cuda"].name == "h200"


@pytest.mark.parametrize("change", [{"name": "NVIDIA H200 NVL"}, {"multiprocessors": 114}, {"minor": 3}])
def test_a_card_that_differs_has_not(change: dict[str, Any]) -> None:
    found = target_of(replace(H200, **change), read_all().values())
    assert found.name not in names()
    assert found.like == ("h200" if "minor" not in change else None)


def test_an_unknown_card_is_what_its_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, Driver(GEFORCE))
    found = load("cuda")
    assert (found.name, found.kind, found.cores, found.like) == ("gpu-geforce-rtx-4090", "cuda", 128, None)
    assert "as its driver describes it" in found.description
    assert found.cuda is not None
    assert found.cuda.arch == "sm_89"
    assert found.peak("clock_ghz") == 2.52
    assert found.peak("memory_gbytes_per_s") * 128 == pytest.approx(1008, rel=0.01)
    assert found.peak("float_gops_per_core") * 128 == pytest.approx(82.6e3, rel=0.01)
    assert not [fact for fact in found.facts if fact.startswith("tensor_")]
    assert all(fact.source.startswith("nominal: ") for fact in found.facts.values())
    assert found.tvm_target(1)["arch"] == "sm_89"


def test_it_is_found_again_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    here(monkeypatch, Driver(GEFORCE))
    assert load("gpu-geforce-rtx-4090") == load("cuda")
    with pytest.raises(UsageError, match="got 'gpu-geforce-rtx-3090'"):
        load("gpu-geforce-rtx-3090")


def test_a_card_that_is_too_old_is_refused() -> None:
    old = replace(H200, name="Tesla V100", major=7, minor=0)
    with pytest.raises(ToolchainError, match=r"7\.5 or later, got Tesla V100: 7\.0"):
        target_of(old, read_all().values())


def test_cards_with_a_file_are_told_by_name() -> None:
    for target in read_all().values():
        if target.cuda is not None:
            assert target.cuda.names
            card = Gpu(target.cuda.names[0], *divmod(target.cuda.number, 10), target.cores or 0, 1, 1, 1, 1, 1, 1)
            assert target_of(card, read_all().values()) == target


def test_attributes_are_those_of_the_header() -> None:
    assert gpu._ATTRIBUTES["multiprocessors"] == 16
    assert (gpu._ATTRIBUTES["major"], gpu._ATTRIBUTES["minor"]) == (75, 76)
