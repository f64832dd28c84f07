"""A network as a part of a program: a static library, a header that names it, and an example built with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tvm_bnn.deploy.archive import archive
from tvm_bnn.deploy.manifest import Manifest
from tvm_bnn.deploy.runtime_files import SOURCES
from tvm_bnn.targets.model import Target

FOLDER = "static"
"""In a bundle, and beside this module with the files to fill in."""

_TEMPLATES = Path(__file__).resolve().parent / FOLDER
_PRINTABLE = frozenset(range(0x20, 0x7F)) - frozenset(b'"\\?')


@dataclass(frozen=True)
class Names:
    """What a linked network is called; two networks of a program differ in all of it.

    Attributes:
        stem: of the files, an identifier.
    """

    stem: str

    @classmethod
    def of(cls, name: str, width: str) -> Names:
        """Those of a model at a width; empty for a user's own network."""
        return cls(re.sub(r"[^a-z0-9]+", "_", f"{name} {width}".lower()).strip("_"))

    @property
    def variable(self) -> str:
        """Of the network, in C."""
        return f"tvmbnn_{self.stem}"

    @property
    def prefix(self) -> str:
        """Of its functions; the network has to be compiled with it."""
        return f"{self.variable}_"

    @property
    def header(self) -> str:
        """The file that declares the variable."""
        return f"tvm_bnn_{self.stem}.h"

    @property
    def library(self) -> str:
        """The file to link."""
        return f"libtvm_bnn_{self.stem}.a"


def static_files(executable: Any, manifest: Manifest, target: Target) -> dict[str, bytes]:
    """Files by their names in a bundle.

    Args:
        executable: the network, compiled with the prefix of its names.
        manifest: of the bundle; becomes a part of the library.
        target: what it was compiled for.

    Raises:
        ToolchainError: a tool that makes libraries is missing or failed.
    """
    names = Names.of(manifest.name, manifest.width)
    words = {
        **{name: getattr(names, name) for name in ("variable", "prefix", "header", "library")},
        "title": f"{manifest.name} {manifest.width}".strip(),
        "target": manifest.target,
        "guard": names.stem.upper(),
        "manifest": _literal(manifest.to_json()),
    }
    header, source, example, recipe = (
        _filled(name, words) for name in ("network.h", "network.cc", "example.c", "CMakeLists.txt")
    )
    with TemporaryDirectory() as folder:
        (Path(folder) / names.header).write_text(header, encoding="utf-8")
        library = archive(executable, source, (Path(folder), SOURCES), target)
    texts = {names.header: header, "example.c": example, "CMakeLists.txt": recipe}
    files = {names.library: library} | {name: text.encode() for name, text in texts.items()}
    return {f"{FOLDER}/{name}": content for name, content in sorted(files.items())}


def _filled(name: str, words: dict[str, str]) -> str:
    """A template with words in the place of @these@."""
    return re.sub(r"@(\w+)@", lambda found: words[found[1]], (_TEMPLATES / name).read_text(encoding="utf-8"))


def _literal(text: str) -> str:
    """A text as literals of C, one a line."""
    return "\n    ".join(f'"{_escaped(line)}"' for line in text.splitlines(keepends=True))


def _escaped(text: str) -> str:
    return "".join(chr(byte) if byte in _PRINTABLE else f"\\{byte:03o}" for byte in text.encode())
