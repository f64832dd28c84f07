import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.cli.test_context import record_line, write
from tests.tiny import MODEL
from tvm_bnn.deploy.manifest import read_manifest, verify_files
from tvm_bnn.graph import phases
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.ops import Operator
from tvm_bnn.targets import resolve_host
from tvm_bnn.tuning.plan import default_choice, is_settled


def test_writes_a_bundle(cli: Cli, tmp_path: Path) -> None:
    bundle = tmp_path / "new" / "bundle"
    code, out, err = cli("compile", MODEL, "-o", bundle, "--threads", "1", "--dump", tmp_path / "dump")
    assert code == 0
    verify_files(bundle, read_manifest(bundle))
    assert out.splitlines()[1].split() == ["folder", str(bundle)]
    assert err.splitlines()[-1] == f"writing {bundle}"
    assert "2-choose_lowering.py" in [path.name for path in (tmp_path / "dump").iterdir()]


def test_with_runtime_and_sources(cli: Cli, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    arguments = ("compile", MODEL, "-o", bundle, "--threads", "1", "--with-runtime", "--emit", "source")
    code, out, _ = cli(*arguments)
    assert code == 0
    assert "in the bundle" in out
    manifest = read_manifest(bundle)
    verify_files(bundle, manifest)
    assert manifest.brings_runtime
    assert {"source/model.ll", "source/model.s", "native/tvm_bnn.h"} <= set(manifest.files)


def test_a_static_library_brings_what_it_needs(cli: Cli, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    code, _, err = cli("compile", MODEL, "-o", bundle, "--threads", "1", "--emit", "static")
    assert code == 0
    assert "compiling it for the static library\n" in err
    manifest = read_manifest(bundle)
    verify_files(bundle, manifest)
    assert manifest.brings_runtime
    assert {"static/libtvm_bnn_tests_tiny_network.a", "static/tvm_bnn_tests_tiny_network.h"} <= set(manifest.files)


def test_no_static_library_for_gpus(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "compile_network", lambda *_: pytest.fail("compiled in vain"))
    code, _, err = cli("compile", MODEL, "-o", tmp_path / "bundle", "--target", "h200", "--emit", "static")
    assert code == 2
    assert "--emit static: expected a CPU target, got h200" in err


def test_wheels_are_looked_for_before_the_long_work(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "compile_network", lambda *_: pytest.fail("compiled in vain"))
    code, _, err = cli("compile", MODEL, "-o", tmp_path / "bundle", "--target", "rpi4", "--runtime-wheels", tmp_path)
    assert code == 2
    assert "--runtime-wheels: expected apache_tvm-" in err


def test_json_is_the_manifest(cli: Cli, tmp_path: Path) -> None:
    out = cli("compile", MODEL, "-o", tmp_path / "bundle", "--format", "json").out
    assert json.loads(out) == json.loads((tmp_path / "bundle" / "manifest.json").read_text())


def test_the_place_is_looked_at_before_the_long_work(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "compile_network", lambda *_: pytest.fail("compiled in vain"))
    (tmp_path / "mine").write_text("mine")
    code, _, err = cli("compile", MODEL, "-o", tmp_path / "mine")
    assert code == 2
    assert "expected a new folder or a bundle to replace, got a file" in err


def searched(model: LoadedModel) -> dict[str, Operator]:
    """The operators that have something to tune, by name."""
    host = resolve_host()
    return {
        name: operator
        for name, operator in model.network.operators_at((1, *model.input_size, 3))
        if not is_settled(default_choice(operator, host, 1), operator, host, 1)
    }


def test_untuned_operators_are_named(
    cli: Cli, tmp_path: Path, tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "compile_network", lambda *_: pytest.fail("compiled in vain"))
    names = searched(tiny_model)
    code, out, err = cli("compile", MODEL, "-o", tmp_path / "bundle", "--require-tuned")
    assert (code, out) == (3, "")
    assert {"stem.0", "conv"} <= set(names)
    assert "scores" not in names
    assert f"expected every operator to be tuned, got {len(names)} that are not: {', '.join(names)}\n" in err
    assert f"hint: run tvm-bnn tune {MODEL}" in err
    assert not (tmp_path / "bundle").exists()


def test_with_records_for_all_that_can_be_tuned(cli: Cli, tmp_path: Path, tiny_model: LoadedModel) -> None:
    tuned = searched(tiny_model).values()
    records = write(tmp_path / "records", *(record_line(operator) for operator in tuned))
    arguments = ("compile", MODEL, "-o", tmp_path / "bundle", "--threads", "1", "--records", records)
    assert cli(*arguments, "--require-tuned").code == 0
    manifest = read_manifest(tmp_path / "bundle")
    assert manifest.schedules["tuned"] == manifest.evidence["measured"] == len(tuned)
    # What is best for one core's tile is so for two cores that share tiles.
    assert cli(*arguments[:-4], "--threads", "2", "--records", records, "--require-tuned").code == 0


def test_a_record_too_few_is_noticed(cli: Cli, tmp_path: Path, tiny_model: LoadedModel) -> None:
    _, *tuned = searched(tiny_model).values()
    records = write(tmp_path / "records", *(record_line(operator) for operator in tuned))
    arguments = ("compile", MODEL, "-o", tmp_path / "bundle", "--records", records, "--require-tuned")
    code, _, err = cli(*arguments)
    assert code == 3
    assert "got 1 that are not" in err
