"""Writing bundles: whole or not at all, and never over something that is not one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tvm_bnn._tvm import cuda_sources
from tvm_bnn.deploy.elf import read_elf
from tvm_bnn.deploy.link import link
from tvm_bnn.deploy.machine_code import machine_code
from tvm_bnn.deploy.manifest import (
    LIBRARY,
    MANIFEST,
    NATIVE,
    README,
    RUNTIME,
    ClassEntry,
    Manifest,
    OperatorEntry,
    TensorContract,
    file_entry,
)
from tvm_bnn.deploy.packages import Package
from tvm_bnn.deploy.place import aside, check_place, written
from tvm_bnn.deploy.readable import readable_sources
from tvm_bnn.deploy.runtime_files import libraries_for, runtime_files
from tvm_bnn.deploy.sizes import sizes
from tvm_bnn.deploy.static_library import FOLDER as STATIC
from tvm_bnn.deploy.static_library import Names, static_files
from tvm_bnn.errors import UsageError
from tvm_bnn.files import flush, write_atomic
from tvm_bnn.graph.choose import Placed
from tvm_bnn.graph.ordinary import Executed, Ordinary
from tvm_bnn.graph.phases import Compiled
from tvm_bnn.models.load import LoadedModel
from tvm_bnn.nn.island import FloatOperator
from tvm_bnn.reporting.labels import shape_label
from tvm_bnn.tuning.settle import versions

_LAYOUTS = {2: "NC", 3: "NHW", 4: "NHWC"}
_TORCH_LAYOUTS = {1: "N", 2: "NC", 4: "NCHW"}
_UNKNOWN = "unknown"
_README = """\
# {name} for {target}

A network of tvm-bnn {version}. Pictures go in, labels come out:

```python
from tvm_bnn.data.picture import load_picture, resize_to
from tvm_bnn.deploy.runner import Runner
labels = Runner.load(".").run(resize_to(load_picture("picture.jpg"), {size}))
```

From a shell, with an overlay as the result: `tvm-bnn run . picture.jpg -o overlay.png`. What the bundle needs and holds
is in `{manifest}`; `tvm-bnn inspect .` shows it.
"""
_README_NATIVE = """
From C or C++, with nothing but a compiler, its C++ library and what is in this folder: `{native}/tvm_bnn.h` is the
interface, `{native}/examples` shows its use, and `{runtime}` holds Apache TVM's libraries and their licences.

```
cmake -S {native} -B build && cmake --build build
build/segment . picture.ppm labels.pgm
```
"""
_README_STATIC = """
As a part of a program, which then needs no file but TVM's libraries: `{static}/{library}`, which defines the variable
`{variable}` of `{static}/{header}`. `{static}/CMakeLists.txt` links it into the example beside it, which reads a
picture of the network's size as raw RGB:

```
cmake -S {static} -B build-static && cmake --build build-static
build-static/example < picture.rgb > labels
```
"""


def write_bundle(
    path: Path,
    model: LoadedModel,
    compiled: Compiled,
    *,
    packages: Mapping[str, Package] | None = None,
    sources: bool = False,
    linked: Compiled | None = None,
) -> Manifest:
    """Write a compiled network as a bundle, in place of an older one if there is one.

    The same network, records and versions give the same bytes.

    Args:
        path: of the folder.
        model: what was compiled.
        compiled: the same as an executable.
        packages: whose runtime libraries are to be in the bundle, for its instruction set; None leaves them out.
        sources: whether the code is to be in it as people read it, too.
        linked: the same network, compiled with the prefix of its names; as a static library it is in the bundle, too.

    Raises:
        UsageError: something else is at ``path``, it cannot be written, or the packages are for another instruction
            set or incomplete.
        ToolchainError: the library cannot be linked.
    """
    check_place(path)
    with written(path), aside(path) as folder:
        library = folder / LIBRARY
        link(compiled.executable, library, compiled.target)
        flush(library)
        libraries = libraries_for(library.read_bytes(), gpu=compiled.target.cuda is not None)
        manifest = _manifest(model, compiled, library, libraries)
        files = readable_sources(compiled.executable) if sources else {}
        files |= machine_code(cuda_sources(compiled.executable.mod), compiled.target)
        if linked is not None:
            files |= static_files(linked.executable, manifest, linked.target)
        if packages is not None:
            files |= runtime_files(libraries, packages)
        for name, content in files.items():
            write_atomic(folder / name, content)
        _check_architectures(folder, libraries if packages is not None else ())
        entries = manifest.files | {name: file_entry(folder / name) for name in files}
        manifest = manifest.model_copy(update={"files": entries})
        write_atomic(folder / README, _readme(manifest))
        write_atomic(folder / MANIFEST, manifest.to_json())
    return manifest


def _check_architectures(folder: Path, libraries: Iterable[str]) -> None:
    wanted = read_elf(folder / LIBRARY).architecture
    for name in libraries:
        found = read_elf(folder / RUNTIME / name).architecture
        if found != wanted:
            raise UsageError(
                f"expected TVM's runtime for {wanted}, got {name} for {found}",
                f"name a folder with wheels for {wanted} with --runtime-wheels",
            )


def _manifest(model: LoadedModel, compiled: Compiled, library: Path, libraries: tuple[str, ...]) -> Manifest:
    """That of a bundle which holds nothing but the library."""
    operators = tuple(entry for step in compiled.steps for entry in _entries(step))
    return Manifest(
        name=model.name,
        width=model.width,
        input_size=model.input_size,
        trained=model.trained,
        trained_on=model.trained_on,
        target=compiled.target.name,
        architecture=read_elf(library).architecture,
        gpu=compiled.target.cuda.arch if compiled.target.cuda else None,
        requires=tuple(sorted(compiled.target.requires)),
        amx_tiles=compiled.tiles,
        threads=compiled.threads,
        versions=versions(),
        libraries=libraries,
        input=TensorContract(shape=compiled.input_shape, dtype="uint8", layout=_LAYOUTS[len(compiled.input_shape)]),
        output=_output(model, compiled),
        classes=tuple(ClassEntry(name=name, color=color) for name, color in model.classes),
        files={LIBRARY: file_entry(library)},
        sizes=sizes(model.network, compiled, library),
        schedules=_counted(entry.schedule for entry in operators),
        evidence=_counted(entry.evidence or "none" for entry in operators),
        operators=operators,
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _entries(step: Executed) -> list[OperatorEntry]:
    if not isinstance(step, Ordinary):
        return [_entry(step)]
    return [
        OperatorEntry(
            name=name,
            kind=operator.kind,
            shape=shape_label(operator),
            lowering="ordinary",
            schedule="fallback",
            evidence=None,
        )
        for name, operator in zip(step.names, step.operators, strict=True)
    ]


def _entry(placed: Placed) -> OperatorEntry:
    choice = placed.choice
    return OperatorEntry(
        name=placed.name,
        kind=placed.operator.kind,
        shape=shape_label(placed.operator),
        lowering=choice.row.lowering.name,
        schedule=choice.schedule,
        evidence=choice.evidence,
    )


def _output(model: LoadedModel, compiled: Compiled) -> TensorContract:
    """Whatever step writes the network's output says what that is."""
    for step, operator in model.network.at(compiled.input_shape):
        for value, spec in zip(step.outputs, operator.outputs(), strict=True):
            if value == model.network.output:
                layouts = _TORCH_LAYOUTS if isinstance(operator, FloatOperator) else _LAYOUTS
                layout = layouts.get(len(spec.shape), _UNKNOWN)
                return TensorContract(shape=spec.shape, dtype=spec.dtype, layout=layout)
    raise AssertionError(f"no step writes {model.network.output}")


def _readme(manifest: Manifest) -> str:
    names = Names.of(manifest.name, manifest.width)
    text = _README + _README_NATIVE if manifest.brings_runtime and manifest.gpu is None else _README
    if f"{STATIC}/{names.library}" in manifest.files:
        text += _README_STATIC
    return text.format(
        static=STATIC,
        library=names.library,
        variable=names.variable,
        header=names.header,
        name=manifest.name,
        target=manifest.target,
        version=manifest.versions["tvm-bnn"],
        size=manifest.input_size,
        manifest=MANIFEST,
        native=NATIVE,
        runtime=RUNTIME,
    )
