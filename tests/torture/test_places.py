"""Work dirs in bad places: one clear line, the documented exit code, and nothing that is half-written."""

from __future__ import annotations

import errno
import fcntl
import functools
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.cli.test_tune import FakeRunner
from tests.tiny import MODEL
from tests.torture.counts import count
from tests.torture.results import record
from tests.torture.victim import ROOT
from tvm_bnn.cli import main
from tvm_bnn.tuning import runners
from tvm_bnn.tuning.journal import Journal
from tvm_bnn.tuning.records import read_records

pytestmark = pytest.mark.torture

TRIALS = 12
NOBODY = 65534
TUNE = ("tune", MODEL, "--target", "cpu", "--threads", "1", "--trials", str(TRIALS))

Outcome = tuple[int, str]
Tune = Callable[..., Outcome]


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tune:
    """The command, with times that depend on the point alone: the exit code and what was said on stderr."""
    monkeypatch.setattr(runners, "LocalRunner", FakeRunner)

    def run(work: Path | str, *more: str) -> Outcome:
        code = main([*TUNE, "--work-dir", str(work), *more])
        return code, capsys.readouterr().err

    return run


def check_refused(outcome: Outcome, *words: str) -> None:
    """One line that says what is wrong, and one with what to do."""
    code, said = outcome
    lines = [line for line in said.splitlines() if line.startswith(("tvm-bnn: error: ", "hint: "))]
    assert code == 2, said
    assert [line.split(":")[0] for line in lines] == ["tvm-bnn", "hint"], said
    assert "internal error" not in said
    assert "Traceback" not in said
    assert any(word in lines[0] for word in words), said


def check_whole(work: Path) -> int:
    """Nothing in a work dir is half of anything; how many trials there are."""
    assert not list(work.rglob("*.tmp"))
    opened = Journal(work / "journal.jsonl").open()
    assert opened.damaged == []
    for path in (work / "records").glob("*.jsonl"):
        assert read_records(path)[1].lines == []
    return len(opened.trials)


def check_done(outcome: Outcome, work: Path) -> None:
    assert outcome[0] == 0, outcome[1]
    assert check_whole(work) == TRIALS
    assert len(read_records(work / "records" / "measured.jsonl")[0]) == 2


class Full:
    """A disk that takes only so many writes and flushes, the last of them by half."""

    def __init__(self, left: int) -> None:
        self.left, self.honest = left, os.fsync
        self.refused = 0

    def fsync(self, descriptor: int) -> None:
        if self.left <= 0:
            self.refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= 1
        self.honest(descriptor)


def test_every_nth_write_finds_the_disk_full(tune: Tune, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number, refused = 0, 0
    while True:
        work, disk = scratch / "work", Full(number)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", disk.fsync)
            outcome = tune(work)
        if not disk.refused:
            break
        # A folder whose names cannot be flushed is no reason to give up; all else is.
        if outcome[0]:
            check_refused(outcome, "No space left")
            refused += 1
        check_whole(work)
        check_done(tune(work), work)
        shutil.rmtree(work)
        number += max(1, 30 // count(30, 10))
    check_done(outcome, work)
    assert refused
    record("places/disk full at the nth write", tried=number, refused=refused, half_written=0)


def test_a_limit_on_the_size_of_files(scratch: Path) -> None:
    """Writes that end in the middle of a line, by the kernel: a process of its own, with a real journal."""
    script = (
        "import sys\nfrom tests.tuning.fakes import trial\nfrom tvm_bnn.tuning.journal import Journal\n"
        "from pathlib import Path\njournal = Journal(Path(sys.argv[1]))\nwhile True:\n    journal.append(trial())\n"
    )
    sizes = range(1, 4000, 4000 // count(40, 4))
    for size in sizes:
        path = scratch / f"{size}.jsonl"
        ran = subprocess.run(
            [sys.executable, "-c", script, path],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            preexec_fn=functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)),
        )
        assert "UsageError: cannot write" in ran.stderr
        assert Journal(path).open().damaged == []
    record("places/files of a limited size", tried=len(sizes), half_written=0)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own; skips where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("kibibytes", [4, 8, 12, 16])
def test_a_disk_that_is_full(kibibytes: int, tune: Tune, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, f"size={kibibytes}k"):
        outcome = tune(disk / "work")
        assert outcome[0] in (0, 2)
        if outcome[0]:
            check_refused(outcome, "No space left")
        check_whole(disk / "work")
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        check_done(tune(disk / "work"), disk / "work")


def test_a_disk_that_is_read_only(tune: Tune, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=1m"):
        work = disk / "work"
        check_done(tune(work), work)
        before = contents(disk)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        check_refused(tune(work), "Read-only")
        check_refused(tune(disk / "new"), "Read-only")
        assert contents(disk) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_tuners(tune: Tune, tmp_path: Path) -> None:
    work = tmp_path / "work"
    check_done(tune(work), work)
    before = contents(work)
    with (work / "lock").open("r+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        check_refused(tune(work), "in use by another tuning run")
        check_refused(tune(work, "--fresh"), "in use by another tuning run")
    assert contents(work) == before
    check_done(tune(work), work)


def test_a_clock_that_is_set_back(tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, honest, calls = tmp_path / "work", time.time, iter(range(10**9))
    assert tune(work, "--trials", "4")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: honest() - 3600.0 * next(calls))
        for path in work.rglob("*"):
            os.utime(path, (2**31, 2**31))
        check_done(tune(work), work)


LONG = "/".join(["x" * 250] * 15)[:3700]


@pytest.mark.parametrize(
    ("name", "works"),
    [
        (LONG, True),
        ("/".join(["y" * 250] * 18), False),
        ("z" * 300, False),
        ("größe 大きさ 🐟", True),
        ("with 'quotes', \"more\" and $(touch x); spaces", True),
        (os.fsdecode(b"not utf-8 \xff\xfe"), True),
        ("line\nbreak", True),
    ],
    ids=["3,700 bytes", "4,500 bytes", "a name of 300", "other letters", "a shell's", "no letters", "line break"],
)
def test_odd_paths(name: str, works: bool, tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    work = tmp_path / name
    outcome = tune(work)
    if works:
        check_done(outcome, work)
        check_done(tune(work), work)
    else:
        check_refused(outcome, "File name too long")
        check_refused(tune(work, "--dry-run", "--records", str(work)), "File name too long", "expected a folder")
    assert not (tmp_path / "x").exists()


def as_user(user: int, *arguments: object, log: Path) -> Outcome:
    """The command as run by somebody else, with an empty environment; what it imports must have been imported before.

    A fork, since the interpreter itself may lie where others cannot read it.
    """
    log.touch()
    child = os.fork()
    if child == 0:
        code = 70
        # The threads that OpenMP had are not there any more, and it would wait for them.
        torch.set_num_threads(1)
        try:
            descriptor = os.open(log, os.O_WRONLY)
            os.dup2(descriptor, 2)
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            os.environ.clear()
            sys.stdout, sys.stderr = io.StringIO(), os.fdopen(2, "w")
            code = main([str(argument) for argument in arguments])
            sys.stderr.flush()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), log.read_text(encoding="utf-8")


ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody can look into."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@ROOT_ONLY
@pytest.mark.parametrize("user", [NOBODY, 12345], ids=["nobody", "whom the system does not know"])
def test_a_folder_of_somebody_else(user: int, tune: Tune, shared: Path) -> None:
    work = shared / "work"
    check_done(tune(work), work)
    before = contents(work)
    check_refused(as_user(user, *TUNE, "--work-dir", work, log=shared / "first.log"), "Permission denied")
    check_refused(as_user(user, *TUNE, "--work-dir", shared / "new", log=shared / "second.log"), "Permission denied")
    assert contents(work) == before
    assert not (shared / "new").exists()


@ROOT_ONLY
def test_no_home_and_no_name(tune: Tune, shared: Path) -> None:
    mine = shared / "mine"
    mine.mkdir(mode=0o777)
    mine.chmod(0o777)
    check_done(tune(shared / "work"), shared / "work")
    assert main(["targets"]) == 0
    for number, command in enumerate([("targets",), (*TUNE, "--work-dir", mine / "work")]):
        code, said = as_user(12345, *command, log=shared / f"{number}.log")
        assert code == 0, said
    assert check_whole(mine / "work") == TRIALS


def test_an_empty_environment() -> None:
    for command in (("targets",), (*TUNE, "--dry-run")):
        arguments = [sys.executable, "-m", "tvm_bnn.cli", *command]
        ran = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT, env={})
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout


def test_output_that_nobody_can_read(tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that knows ASCII only."""
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace"))
    code = main([*TUNE, "--work-dir", str(tmp_path / "größe")])
    assert code == 0


def test_figures(request: pytest.FixtureRequest) -> None:
    """The last test: how many places there were, if nothing went wrong before."""
    others = [item for item in request.session.items if item.path == request.path and item is not request.node]
    if request.session.testsfailed == 0 and len(others) > 1:
        record("places/bad places", tried=len(others), half_written=0, unclear=0)
