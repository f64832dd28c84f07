import json
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import OURS, Engine, avx2_engines, layer_engines, network_engines
from benchmarks.peers.environment import read_requirements

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
PLAIN, TILES = frozenset({"avx512f"}), frozenset({"avx512f", "amx_int8", "amx_bf16"})
LISTS = {"peers": "peers-requirements.txt", "lite": "peers-lite-requirements.txt"}


def everything() -> list[Engine]:
    return [*layer_engines(TILES), *avx2_engines(), *network_engines(TILES)]


@pytest.mark.parametrize("engines", [layer_engines(PLAIN), avx2_engines(), network_engines(TILES)])
def test_ours_comes_first_and_names_differ(engines: list[Engine]) -> None:
    assert engines[0].name == OURS
    assert len({engine.name for engine in engines}) == len(engines)


def test_tiles_are_measured_with_and_without_where_there_are_any() -> None:
    names = {engine.name for engine in layer_engines(TILES)}
    assert {"OpenVINO int8", "OpenVINO int8, AMX off", "torch bf16"} <= names
    assert not {"OpenVINO int8, AMX off", "torch bf16"} & {engine.name for engine in layer_engines(PLAIN)}


def test_every_engine_has_a_module_and_a_requirement() -> None:
    for engine in everything():
        assert (BENCHMARKS / "peers" / "engines" / f"{engine.module}.py").exists()
        if engine.home != "ours":
            wanted = read_requirements((BENCHMARKS / LISTS[engine.home]).read_text())
            assert engine.package in {line.partition("==")[0] for line in wanted}


@pytest.mark.parametrize("name", LISTS.values())
def test_requirements_are_exact(name: str) -> None:
    assert all("==" in line and "/" not in line for line in read_requirements((BENCHMARKS / name).read_text()))


def test_a_command_carries_all_options() -> None:
    engine = Engine("a", "peers", "torch_engine", {"precision": "fp32"})
    *start, options = engine.command("python", 2, {"folder": "models"})
    assert start == ["python", "-m", "benchmarks.peers.server", "torch_engine", "2"]
    assert json.loads(options) == {"precision": "fp32", "folder": "models"}
