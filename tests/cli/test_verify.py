import csv
import dataclasses
import io
import json

import pytest

from tests.cli.conftest import Cli
from tests.tiny import MODEL as WITHOUT
from tests.verification.nets import MODEL
from tvm_bnn import targets
from tvm_bnn.targets import load
from tvm_bnn.verification import verify, yardstick
from tvm_bnn.verification.model import Verification
from tvm_bnn.verification.promises import Promise
from tvm_bnn.verification.yardstick import Timings

QUICK = ("verify", MODEL, "--threads", "1", "--warmup", "0", "--repeat", "3")


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense attention takes two seconds, without a process that measures it."""
    timings = Timings({"sdpa float32": 2000.0, "rows bfloat16": 2500.0}, 500.0)
    monkeypatch.setattr(yardstick, "measure", lambda request: timings)


def test_the_table_shows_formulas_ratios_and_sizes(cli: Cli) -> None:
    code, out, _ = cli(*QUICK)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert any(line.startswith("dense, float N^2 (Ck + Cv) 2.36M") for line in lines)
    assert any(line.startswith("context N S (Ck + Cv), 1x1 and 8x1 bits 123k 19.2x") for line in lines)
    assert "promised nothing of this network at this size" in lines
    assert (
        "context: N = 96 tokens, S = 5 anchors, C = 64, Ck = 64, Cv = 64; "
        "queries and keys of 1 bit, weights of 8, values of 1"
    ) in lines
    assert (
        "96 tokens by 5 anchors: the products save N / S = 19.2x in FLOPs and no more; 100x takes 500 tokens" in lines
    )


def test_json_is_a_verification(cli: Cli) -> None:
    code, out, _ = cli(*QUICK, "--format", "json")
    found = Verification.model_validate_json(out)
    assert (code, found.passed, found.model, found.input_size) == (0, True, MODEL, (32, 48))
    (attention,) = found.attention
    assert (attention.tokens, attention.anchors, attention.ck, attention.cv) == (96, 5, 64, 64)
    assert (attention.dense.products.ms, attention.dense.block.ms) == (2000, 2500)
    raw = json.loads(out)["attention"][0]
    assert set(raw["ratio"]) >= {"products_flops", "block_ops", "products_latency", "block_latency"}
    assert set(raw["ours"]["counted"]) >= {"bops", "flops", "integer_ops", "bytes"}
    assert raw["dense"]["evidence"] == raw["ours"]["evidence"] == "measured"


def test_csv_has_a_line_an_attention(cli: Cli) -> None:
    (row,) = csv.DictReader(io.StringIO(cli(*QUICK, "--format", "csv").out))
    assert (row["name"], row["tokens"], row["passed"]) == ("context", "96", "True")
    assert float(row["products_flops"]) == pytest.approx(19.2)


def test_a_broken_promise_is_exit_5_and_still_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "promised", lambda model: Promise(20, 1))
    code, out, err = cli(*QUICK)
    assert code == 5
    assert "broken" in out
    assert "tvm-bnn: error: context: expected products with 20x fewer FLOPs, got 19.2x" in err


def test_a_kept_promise(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "promised", lambda model: Promise(19, 1))
    code, out, _ = cli(*QUICK)
    assert code == 0
    assert "kept" in out


def test_what_cannot_run_here_is_estimated(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = dataclasses.replace(load("x86-avx2"), name="foreign", requires=frozenset({"quantum"}))
    monkeypatch.setattr(targets, "load", lambda _: foreign)
    code, out, err = cli(*QUICK, "--format", "json")
    (attention,) = Verification.model_validate_json(out).attention
    assert code == 0
    assert (attention.dense.evidence, attention.ours.evidence) == ("estimated", "estimated")
    assert attention.dense.products.ms < 1
    assert "timing" not in err


def test_a_model_without_attention(cli: Cli) -> None:
    code, out, err = cli("verify", WITHOUT)
    assert (code, out) == (2, "")
    assert "expected a model with a PooledBinaryAttention, got one without" in err
