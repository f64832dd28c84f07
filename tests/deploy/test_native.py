"""The C interface on this machine."""

import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from tests.deploy.native import BAD_INPUT, INTERNAL, UNSUPPORTED, Failed, Interface, as_array
from tests.deploy.pictures import labels_of, write_ppm
from tests.deploy.tasks import tasks_after
from tvm_bnn import __version__
from tvm_bnn.deploy.manifest import file_entry, read_manifest
from tvm_bnn.deploy.runner import Runner
from tvm_bnn.models.load import LoadedModel

UInt8 = np.ndarray[Any, np.dtype[np.uint8]]
SYSTEM = {"libc", "libm", "libdl", "libpthread", "libstdc++", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64"}


@pytest.fixture(scope="module")
def interface(built: Path) -> Interface:
    return Interface(built / "libtvm_bnn.so")


@pytest.fixture(scope="module")
def network(interface: Interface, runtime_bundle: Path) -> Iterator[ctypes.c_void_p]:
    with interface.opened(runtime_bundle) as opened:
        yield opened


@pytest.fixture(scope="module")
def images() -> UInt8:
    return np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), np.uint8)


def empty(*shape: int) -> UInt8:
    return np.full(shape, 255, np.uint8)


def test_labels_are_those_of_the_reference_and_of_python(
    interface: Interface, network: ctypes.c_void_p, images: UInt8, tiny_model: LoadedModel, tiny_bundle: Path
) -> None:
    labels, one = empty(3, 16, 24), empty(16, 24)
    interface.run(network, images, labels)
    interface.run(network, images[1], one)
    np.testing.assert_array_equal(labels, tiny_model.network(torch.from_numpy(images)).numpy())
    np.testing.assert_array_equal(labels, Runner.load(tiny_bundle).run(images))
    np.testing.assert_array_equal(one, labels[1])


def test_rows_and_pictures_may_be_apart(interface: Interface, network: ctypes.c_void_p, images: UInt8) -> None:
    wanted, found, dense = empty(2, 16, 24), empty(2, 16, 24), images[::2].copy()
    interface.run(network, dense, wanted)
    wide = np.zeros((3, 20, 30, 3), np.uint8)
    wide[:, :16, :24] = images
    interface.run(network, wide[::2, :16, :24], found)
    np.testing.assert_array_equal(found, wanted)
    interface.run(network, as_array(dense, strides=None), found)
    np.testing.assert_array_equal(found, wanted)


def test_what_a_bundle_is(interface: Interface, network: ctypes.c_void_p, runtime_bundle: Path) -> None:
    manifest, found = read_manifest(runtime_bundle), interface.description(network)
    assert (found.name, found.target) == (manifest.name.encode(), manifest.target.encode())
    assert (found.version, found.trained, found.threads) == (__version__.encode(), manifest.trained, 1)
    assert found.input.shape[: found.input.ndim] == [1, 16, 24, 3]
    assert (found.output.dtype, found.output.layout) == (b"uint8", b"NHW")
    classes = [(one.name.decode(), tuple(one.color)) for one in found.classes[: found.class_count]]
    assert classes == [(entry.name, entry.color) for entry in manifest.classes]


WRONG: list[tuple[Callable[[UInt8], Any], str]] = [
    (lambda image: image.astype(np.float32), "picture: expected dtype uint8, got float32"),
    (lambda image: image[:8], r"picture: expected shape \[16, 24, 3\] or .*, got \[8, 24, 3\]"),
    (lambda image: image[None, None], r"picture: expected shape .*, got \[1, 1, 16, 24, 3\]"),
    (lambda image: image[:, ::-1], r"picture: expected strides \[72 or more, 3, 1\], got \[72, -3, 1\]"),
    (lambda image: image[::-1], r"picture: expected strides .*, got \[-72, 3, 1\]"),
    (lambda image: image.repeat(2, 1)[:, ::2], r"picture: expected strides .*, got \[144, 6, 1\]"),
    (lambda image: image[:0][None], r"picture: expected shape .*, got \[1, 0, 24, 3\]"),
    (lambda image: as_array(image, data=None), "picture: expected data, got NULL"),
    (lambda image: as_array(image, dtype=None), "picture: expected dtype uint8, got NULL"),
    (lambda image: as_array(image, shape=None), "picture: expected a shape, got NULL"),
    (lambda image: as_array(image, ndim=-1), "picture: expected a shape, got NULL"),
    (lambda image: None, "picture: expected an array, got NULL"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_other_pictures_are_refused_by_name(
    interface: Interface, network: ctypes.c_void_p, images: UInt8, change: Callable[[UInt8], Any], message: str
) -> None:
    result = empty(16, 24)
    with pytest.raises(Failed, match=message) as caught:
        interface.run(network, change(images[0]), result)
    assert caught.value.args[0] == BAD_INPUT
    assert (result == 255).all()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (empty(16, 23), r"result: expected shape \[16, 24\], got \[16, 23\]"),
        (empty(1, 16, 24), r"result: expected shape \[16, 24\], got \[1, 16, 24\]"),
        (np.zeros((16, 24), np.int8), "result: expected dtype uint8, got int8"),
        (empty(16, 48)[:, ::2], r"result: expected an array without gaps, got strides \[48, 2\]"),
        (None, "result: expected an array, got NULL"),
    ],
)
def test_other_results_are_refused_by_name(
    interface: Interface, network: ctypes.c_void_p, images: UInt8, result: Any, message: str
) -> None:
    with pytest.raises(Failed, match=message):
        interface.run(network, images[0], result)


def test_nothing_where_something_is_needed(interface: Interface, runtime_bundle: Path) -> None:
    library, path = interface.library, str(runtime_bundle).encode()
    place = ctypes.c_void_p()
    assert library.tvmbnn_open(None, None, ctypes.byref(place)) == BAD_INPUT
    assert library.tvmbnn_open(path, None, None) == BAD_INPUT
    assert library.tvmbnn_describe(None, ctypes.byref(place)) == BAD_INPUT
    assert library.tvmbnn_run(None, None, None) == BAD_INPUT
    assert library.tvmbnn_last_error() == b"network: expected an open one, got NULL"
    library.tvmbnn_close(None)


def test_threads_may_use_one_network_at_the_same_time(
    interface: Interface, network: ctypes.c_void_p, images: UInt8
) -> None:
    wanted = empty(3, 16, 24)
    interface.run(network, images, wanted)

    def run(number: int) -> bool:
        found = empty(16, 24)
        interface.run(network, images[number % 3], found)
        return bool((found == wanted[number % 3]).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(200)))


def test_threads_that_come_and_go_leave_nothing(
    interface: Interface, runtime_bundle: Path, network: ctypes.c_void_p, images: UInt8
) -> None:
    """TVM keeps workers for every thread that has ever called it."""

    def use() -> None:
        with interface.opened(runtime_bundle, 2) as own:
            interface.run(own, images[0], empty(16, 24))

    count = tasks_after(use, 1)
    # The last that was joined may still be on its way out; a leak would be 20.
    assert tasks_after(use, 20) < count + 10


def test_threads_may_open_and_close_at_the_same_time(
    interface: Interface, runtime_bundle: Path, network: ctypes.c_void_p, images: UInt8
) -> None:
    wanted = empty(16, 24)
    interface.run(network, images[0], wanted)

    def use(threads: int) -> bool:
        found = empty(16, 24)
        with interface.opened(runtime_bundle, threads) as own:
            interface.run(own, images[0], found)
        return bool((found == wanted).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, [1, 2] * 8))


def test_threads_of_one_call_do_not_change_the_labels(
    interface: Interface, runtime_bundle: Path, images: UInt8
) -> None:
    one, two = empty(16, 24), empty(16, 24)
    for threads, labels in ((1, one), (2, two)):
        with interface.opened(runtime_bundle, threads) as network:
            assert interface.description(network).threads == threads
            interface.run(network, images[0], labels)
    np.testing.assert_array_equal(one, two)
    with pytest.raises(Failed, match="threads: expected 1 or more"), interface.opened(runtime_bundle, -1):
        pass


def test_an_error_is_its_threads_own(interface: Interface, network: ctypes.c_void_p, images: UInt8) -> None:
    with pytest.raises(Failed):
        interface.run(network, None, None)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(interface.library.tvmbnn_last_error).result() == b""
    assert interface.library.tvmbnn_last_error() == b"picture: expected an array, got NULL"


def test_memory_stays_flat(interface: Interface, network: ctypes.c_void_p, images: UInt8, runtime_bundle: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def use() -> None:
        for _ in range(1000):
            interface.run(network, images[0], labels)
        for _ in range(20):
            with interface.opened(runtime_bundle) as again:
                interface.run(again, images[0], labels)

    labels = empty(16, 24)
    use()
    before = resident()
    use()
    assert resident() - before < 1_000_000


def changed(bundle: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads((bundle / "manifest.json").read_text())
    edit(data)
    (bundle / "manifest.json").write_text(json.dumps(data))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


SPOILT: list[tuple[Callable[[Path], Any], int, str]] = [
    (lambda b: flip(b / "model.so"), BAD_INPUT, r"model\.so: expected \d+ bytes with SHA-256 \w{12}, got \d+ with"),
    (lambda b: cut(b / "model.so"), BAD_INPUT, r"model\.so: expected"),
    (lambda b: (b / "model.so").unlink(), BAD_INPUT, r"cannot read model\.so"),
    (lambda b: flip(b / "runtime/libtvm_runtime.so"), BAD_INPUT, r"runtime/libtvm_runtime\.so: expected"),
    (lambda b: cut(b / "manifest.json"), BAD_INPUT, r"manifest\.json: expected JSON, got something else at byte \d+"),
    (
        lambda b: (b / "manifest.json").write_text("[" * 10000),
        BAD_INPUT,
        "expected JSON, got something else at byte 33",
    ),
    (lambda b: (b / "manifest.json").write_bytes(b"{\0}"), BAD_INPUT, "expected JSON, got a zero byte"),
    (lambda b: (b / "manifest.json").write_text("[]"), BAD_INPUT, "the whole: expected an object"),
    (lambda b: (b / "manifest.json").unlink(), BAD_INPUT, "expected a bundle, got no readable"),
    (lambda b: shutil.rmtree(b), BAD_INPUT, "expected a bundle, got no folder at"),
    (
        lambda b: changed(b, lambda d: d.update(format="other")),
        BAD_INPUT,
        "expected the manifest of a bundle, got something",
    ),
    (
        lambda b: changed(b, lambda d: d.update(schema_version=4)),
        BAD_INPUT,
        "expected schema version 3, got 4: .*newer",
    ),
    (lambda b: changed(b, lambda d: d.update(schema_version=1)), BAD_INPUT, "version 3, got 1: compile it again"),
    (lambda b: changed(b, lambda d: d.pop("threads")), BAD_INPUT, "expected threads, got none"),
    (lambda b: changed(b, lambda d: d.update(threads="1")), BAD_INPUT, "threads: expected a whole number"),
    (lambda b: changed(b, lambda d: d.update(trained=1)), BAD_INPUT, "trained: expected true or false"),
    (
        lambda b: changed(b, lambda d: d["input"].update(shape=[1, 0, 1, 3])),
        BAD_INPUT,
        "input.shape: expected 1 or more",
    ),
    (
        lambda b: changed(b, lambda d: d["input"].update(shape=[1, 16])),
        BAD_INPUT,
        "input: expected uint8 .*, got uint8",
    ),
    (lambda b: changed(b, lambda d: d["files"].update({"../x": 1})), BAD_INPUT, "expected names inside the bundle"),
    (lambda b: changed(b, lambda d: d["files"].pop("model.so")), BAD_INPUT, r"files: expected model\.so"),
    (lambda b: changed(b, lambda d: d.update(libraries=[])), BAD_INPUT, r"libraries: expected libtvm_ffi\.so"),
    (lambda b: changed(b, lambda d: d["versions"].pop("tvm")), BAD_INPUT, "versions: expected that of tvm"),
    (
        lambda b: changed(b, lambda d: d["versions"].update(tvm="0.1")),
        UNSUPPORTED,
        "bundle for apache-tvm 0.1, got 0.27",
    ),
    (lambda b: changed(b, lambda d: d.update(architecture="riscv64")), UNSUPPORTED, "expected an riscv64 CPU, got "),
    (lambda b: changed(b, lambda d: d.update(requires=["quantum"])), UNSUPPORTED, "expected a CPU with quantum"),
    (lambda b: changed(b, lambda d: d.update(gpu="sm_90")), UNSUPPORTED, r"got some for an NVIDIA GPU \(sm_90\)"),
]


@pytest.mark.parametrize(("spoil", "status", "message"), SPOILT)
def test_spoilt_bundles_are_one_line(
    interface: Interface,
    network: ctypes.c_void_p,
    runtime_bundle: Path,
    tmp_path: Path,
    spoil: Any,
    status: int,
    message: str,
) -> None:
    bundle = Path(shutil.copytree(runtime_bundle, tmp_path / "bundle"))
    spoil(bundle)
    with pytest.raises(Failed, match=message) as caught, interface.opened(bundle):
        pass
    assert caught.value.args[0] == status
    assert "\n" not in caught.value.args[1]


def test_a_library_that_is_none_is_an_error(interface: Interface, runtime_bundle: Path, tmp_path: Path) -> None:
    """One whose checksum is right, so that TVM's own error shows."""
    bundle = Path(shutil.copytree(runtime_bundle, tmp_path / "bundle"))
    (bundle / "model.so").write_bytes(b"text")
    entry = file_entry(bundle / "model.so").model_dump()
    changed(bundle, lambda data: data["files"].update({"model.so": entry}))
    with pytest.raises(Failed, match=r"TVM's runtime: .*Failed to load") as caught, interface.opened(bundle):
        pass
    assert caught.value.args[0] == INTERNAL


def test_names_are_read_as_json_has_them(interface: Interface, runtime_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(runtime_bundle, tmp_path / "bundle"))
    names = ['"a\\b"/\n', "Straße", "道", "🚲"]

    def rename(data: dict[str, Any]) -> None:
        data["classes"] = [{"name": name, "color": [1, 2, 255]} for name in names]

    # Python escapes everything beyond ASCII.
    changed(bundle, rename)
    with interface.opened(bundle) as network:
        found = interface.description(network)
        assert [one.name.decode() for one in found.classes[: found.class_count]] == names


def test_the_example_runs_with_nothing_else_installed(
    built: Path, runtime_bundle: Path, images: UInt8, tiny_model: LoadedModel, tmp_path: Path
) -> None:
    write_ppm(tmp_path / "picture.ppm", images[0])
    command = [str(built / "segment"), str(runtime_bundle), "picture.ppm", "labels.pgm", "2"]
    told = subprocess.run(command, env={}, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert f"{tiny_model.name} for " in told
    wanted = tiny_model.network(torch.from_numpy(images[:1])).numpy()[0]
    np.testing.assert_array_equal(labels_of(tmp_path / "labels.pgm"), wanted)


def test_the_example_says_what_is_wrong(built: Path, tmp_path: Path) -> None:
    command = [str(built / "segment"), str(tmp_path), "picture.ppm", "labels.pgm"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr.startswith("segment: expected a bundle, got no readable")


def needed(path: Path) -> set[str]:
    with path.open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(dynamic, DynamicSection)
        return {str(getattr(tag, "needed", "")) for tag in dynamic.iter_tags()} - {""}


def test_a_bundle_needs_the_c_and_cplusplus_libraries_alone(built: Path, runtime_bundle: Path) -> None:
    own = {path.name for path in (runtime_bundle / "runtime").iterdir()} | {"libtvm_bnn.so"}
    libraries = [*(runtime_bundle / "runtime").glob("*.so"), runtime_bundle / "model.so", *built.glob("lib*.so")]
    assert len(libraries) == 4
    for library in (*libraries, built / "segment"):
        assert {name.partition(".so")[0] for name in needed(library) - own} <= SYSTEM


@pytest.mark.parametrize("standard", ["c99", "c11"])
def test_the_header_is_plain_c(runtime_bundle: Path, tmp_path: Path, standard: str) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc on this machine")
    (tmp_path / "use.c").write_text(
        '#include "tvm_bnn.h"\nint main(void) { return tvmbnn_run(0, 0, 0) != TVMBNN_OK; }\n'
    )
    command = ["gcc", f"-std={standard}", "-pedantic-errors", "-Wall", "-Werror", "-fsyntax-only", "-I"]
    subprocess.run([*command, runtime_bundle / "native", tmp_path / "use.c"], check=True, capture_output=True)


def test_the_runtime_may_lie_elsewhere(built: Path, tiny_bundle: Path, runtime_bundle: Path, tmp_path: Path) -> None:
    """A process of its own: this one has TVM's libraries already."""
    script = (
        "import sys; from pathlib import Path; from tests.deploy.native import Interface\n"
        "library, bundle, *runtime = map(Path, sys.argv[1:])\n"
        "with Interface(library).opened(bundle, 0, *runtime): pass"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(built / "libtvm_bnn.so"), str(tiny_bundle)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root)}
    subprocess.run([*command, str(runtime_bundle / "runtime")], env=environment, check=True, capture_output=True)
    ran = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert "cannot load TVM's runtime: libtvm_ffi.so" in ran.stderr
