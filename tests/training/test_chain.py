"""One small network through everything: training, packing, freezing, compiling; the same labels at the end."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.training.coloured import CONFIG, WIDTH, Coloured
from tests.training.test_settings import SETTINGS
from tvm_bnn.deploy.bundle import write_bundle
from tvm_bnn.graph.phases import compile_network
from tvm_bnn.models import config
from tvm_bnn.models.checkpoint import load_checkpoint, save_packed
from tvm_bnn.models.load import load
from tvm_bnn.targets import resolve_host
from tvm_bnn.training.evaluation import evaluate
from tvm_bnn.training.folder import RunFolder
from tvm_bnn.training.loop import Trainer
from tvm_bnn.training.start import seeded_network
from tvm_bnn.training.subject import open_subject
from tvm_bnn.tuning.plan import choose
from tvm_bnn.tuning.records import load_book

TRAIN, TEST = Coloured(8), Coloured(12)
TRAINED_ON = {"data": "coloured", "size": [64, 64], "steps": 60, "generated": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With ``model.safetensors``, ``packed.safetensors`` and ``bundle``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(config.WIDTHS, "S", WIDTH)
        yield _made(tmp_path_factory.mktemp("chain"))


def _made(folder: Path) -> Path:
    settings = dataclasses.replace(SETTINGS, size=(64, 64), steps=60, validate_every=60)
    trainer = Trainer(seeded_network(CONFIG, 3), settings, TRAIN, TEST, RunFolder(folder))
    list(trainer.run())
    trainer.finish()
    save_packed(folder / "packed.safetensors", *load_checkpoint(folder / "model.safetensors"), TRAINED_ON)
    _compile(folder / "packed.safetensors", folder / "bundle")
    return folder


def _compile(checkpoint: Path, bundle: Path) -> None:
    model, target = load(str(checkpoint)), resolve_host()
    book, _ = load_book(target, [])
    shape = (1, *model.input_size, 3)
    compiled = compile_network(model.network, shape, target, 1, lambda one: choose(one, target, 1, book), None)
    write_bundle(bundle, model, compiled)


def test_the_bundle_scores_as_the_integers_and_these_as_the_trained_network(folder: Path) -> None:
    floating = open_subject(str(folder / "model.safetensors"), None, 1, floating=True)
    whole, packed, bundle = (
        open_subject(str(folder / name), None, 1, floating=False)
        for name in ("model.safetensors", "packed.safetensors", "bundle")
    )
    trained, *frozen = (evaluate(one.predict, TEST) for one in (floating, whole, packed, bundle))
    assert frozen[0] == frozen[1] == frozen[2]
    assert abs(frozen[0].miou - trained.miou) <= 0.003
    assert trained.miou > 0.9
    assert np.array_equal(whole.predict(TEST.pictures).labels, bundle.predict(TEST.pictures).labels)


def test_a_bundle_says_what_it_was_trained_on(folder: Path) -> None:
    told = "coloured 64x64, 60 steps: generated scenes, not real pictures"
    assert load(str(folder / "packed.safetensors")).trained_on == told
    assert f'"trained_on": "{told}"' in (folder / "bundle" / "manifest.json").read_text()
