"""A core's pipeline table: how wide it is, which ports it has, what each class of instructions takes of them.

The tables are data, one file for each core in ``targets/cores``. An instruction finds its class by its *form*: the
mnemonic and the kinds of its operands, such as ``add 16b,16b,16b`` or ``ldr q,[#]``
(:mod:`tvm_bnn.estimation.decode` tells how they are spelt).
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tvm_bnn.errors import UsageError, closest
from tvm_bnn.resources import data_root

Architecture = Literal["aarch64", "x86-64"]
Count = Annotated[int, Field(ge=0)]
_Text = Annotated[str, Field(min_length=1)]

_MICRO_OP = re.compile(r"(?P<ports>[A-Za-z0-9|]+)(\*(?P<cycles>[1-9]\d?))?")

LONGEST = 99
"""No micro-operation keeps a port busy for more cycles: two digits."""


@dataclass(frozen=True)
class MicroOp:
    """One micro-operation: the ports that can take it, any of them, and the cycles that it keeps one of them busy."""

    ports: tuple[int, ...]
    cycles: int = 1


@dataclass(frozen=True, eq=False)
class InstructionClass:
    """What an instruction takes.

    Attributes:
        name: for people.
        micro_ops: what is issued; none where the register file alone does it.
        latency: cycles from the issue to the result.
        accumulate: the same for an accumulator, where the next instruction of this class only adds to it.
        slots: places that it takes in the stages that work in program order.
        load: cycles from the address to the operand, where the first micro-operation loads and the others wait for it.
    """

    name: str
    micro_ops: tuple[MicroOp, ...]
    latency: int
    accumulate: int
    slots: int
    load: int = 0


@dataclass(frozen=True, eq=False)
class Core:
    """One core.

    Attributes:
        name: the file's name without its ending.
        architecture: the instruction set.
        llvm: LLVM's name of the core whose model it is checked against.
        sources: where the numbers come from.
        width: slots that are dispatched in a cycle.
        window: slots that are between dispatch and retirement; an in-order core has no use for it.
        in_order: whether instructions are issued in program order.
        ports: names.
        unknown: what an instruction without a class is taken for.
        classes: by form, in the order of the file.
    """

    name: str
    architecture: Architecture
    llvm: str
    sources: tuple[str, ...]
    width: int
    window: int
    in_order: bool
    ports: tuple[str, ...]
    unknown: InstructionClass
    classes: tuple[tuple[re.Pattern[str], InstructionClass], ...]
    _found: dict[str, InstructionClass | None] = field(default_factory=dict, repr=False)

    def class_of(self, form: str) -> InstructionClass | None:
        """The first class that has the form; None where none has."""
        if form not in self._found:
            self._found[form] = next((kind for pattern, kind in self.classes if pattern.fullmatch(form)), None)
        return self._found[form]


class _Part(BaseModel):
    # A misspelt field must not pass for an absent one.
    model_config = ConfigDict(extra="forbid")


class _Class(_Part):
    name: _Text
    forms: list[_Text] = []
    uops: list[_Text]
    latency: Count
    accumulate: Count | None = None
    slots: Annotated[int, Field(ge=1)] | None = None
    load: Count = 0


class _File(_Part):
    """A whole table; ``fused`` if an instruction takes one slot however many micro-operations it has."""

    architecture: Architecture
    llvm: _Text
    sources: Annotated[list[_Text], Field(min_length=1)]
    width: Annotated[int, Field(ge=1)]
    window: Annotated[int, Field(ge=1)]
    in_order: bool
    fused: bool = False
    ports: list[_Text]
    groups: dict[str, list[str]] = {}
    unknown: _Class
    classes: list[_Class]

    def core(self, name: str) -> Core:
        """The core that the file describes.

        Raises:
            ValueError: a port or a pattern that is none, or an operand that waits for its load on an in-order core.
        """
        if self.in_order and any(one.load for one in self.classes):
            raise ValueError("expected no field 'load' on an in-order core, whose instructions wait as a whole")
        named: dict[str, tuple[int, ...]] = {port: (number,) for number, port in enumerate(self.ports)}
        named |= {group: tuple(self.ports.index(port) for port in ports) for group, ports in self.groups.items()}
        made = [(re.compile("|".join(one.forms)), _class(one, named, self.fused)) for one in self.classes]
        return Core(
            name,
            self.architecture,
            self.llvm,
            tuple(self.sources),
            self.width,
            self.window,
            self.in_order,
            tuple(self.ports),
            _class(self.unknown, named, self.fused),
            tuple(made),
        )


def _class(entry: _Class, ports: Mapping[str, tuple[int, ...]], fused: bool) -> InstructionClass:
    micro_ops = tuple(_micro_op(text, ports) for text in entry.uops)
    accumulate = entry.latency if entry.accumulate is None else entry.accumulate
    slots = entry.slots or (1 if fused else max(1, len(micro_ops)))
    return InstructionClass(entry.name, micro_ops, entry.latency, accumulate, slots, entry.load)


def _micro_op(text: str, ports: Mapping[str, tuple[int, ...]]) -> MicroOp:
    found = _MICRO_OP.fullmatch(text)
    names = found["ports"].split("|") if found else []
    unknown = [name for name in names if name not in ports]
    if found is None or unknown:
        raise ValueError(f"expected ports among {', '.join(ports)}, got '{text}'")
    return MicroOp(tuple(port for name in names for port in ports[name]), int(found["cycles"] or 1))


def core_names() -> list[str]:
    """The names of all shipped tables."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


@functools.lru_cache
def load_core(name: str) -> Core:
    """The core of that name.

    Raises:
        UsageError: no such table, or a malformed one; names the file and the field.
    """
    path = _folder() / f"{name}.toml"
    if name not in core_names():
        raise UsageError(f"expected the name of a core, got '{name}'", closest(name, core_names()))
    return read_core(path)


def read_core(path: Path) -> Core:
    """The core that the file at ``path`` describes.

    Raises:
        UsageError: not TOML, or a field that is missing, unknown or wrong; names the file and the field.
    """
    hint = "compare with one of the shipped tables"
    try:
        return _File.model_validate(_parse(path)).core(path.stem)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: field '{place}': {first['msg']}", hint) from error
    except (ValueError, re.error) as error:
        raise UsageError(f"{path}: {error}", hint) from error


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected TOML, got: {error}", "correct the file") from error


def _folder() -> Path:
    return data_root("targets") / "cores"
