"""What a hardware target is, and the shape of the file that describes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tvm_bnn.errors import UsageError, closest
from tvm_bnn.targets.architecture import architecture_of, host_architecture

TargetKind = Literal["cpu", "cuda"]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
_Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Fact:
    """One number about the hardware.

    Attributes:
        value: the number.
        unit: its unit, such as `Gop/s` (1 multiply-accumulate = 2 op), `byte`, `bit`, `GB/s` or `GHz`.
        source: how it is known; begins with `nominal` where it was not measured.
        measured_here: whether it was measured on this host, by its calibration.
    """

    value: float
    unit: str
    source: str
    measured_here: bool = False


@dataclass(frozen=True)
class Llvm:
    """How LLVM is told about the target; None or empty leaves it to LLVM's own choice."""

    triple: str | None = None
    mcpu: str | None = None
    mattr: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cuda:
    """How CUDA code is made: for one architecture, such as `sm_90`; ``names`` are the driver's of the GPU itself."""

    arch: str
    names: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """Ten times the compute capability."""
        return int(self.arch.removeprefix("sm_"))

    @property
    def has_binary_tensor_cores(self) -> bool:
        """Whether `mma.sync.m16n8k256` of single bits exists: since `sm_80`, by the PTX ISA."""
        return self.number >= 80


@dataclass(frozen=True)
class Target:
    """One hardware target, as its file describes it.

    Attributes:
        name: the file's name without its ending.
        kind: the family of code generators.
        description: one line for people.
        rank: of the targets that a host satisfies, the highest rank is the one it gets.
        requires: CPU flags, as Linux spells them, without which the target's code does not run.
        llvm: code generation options.
        facts: peaks, sizes and bandwidths by name.
        like: a target with vectors of the same width, whose records are adapted where this one has none of its own.
        cores: how many there are; None where the file describes a class of machines and not one board.
        core: the name of the table of its pipeline, `cores/<core>.toml` beside the target files; None without one.
        parts: `CPU part` of /proc/cpuinfo by which a host is known to be such a board; empty where its flags tell.
        cuda: code generation of a GPU, whose cores are its multiprocessors; `llvm` is then its host's. None on a CPU.
    """

    name: str
    kind: TargetKind
    description: str
    rank: int
    requires: frozenset[str]
    llvm: Llvm
    facts: Mapping[str, Fact] = field(hash=False)
    like: str | None = None
    cores: int | None = None
    core: str | None = None
    parts: frozenset[str] = frozenset()
    cuda: Cuda | None = None

    @property
    def architecture(self) -> str | None:
        """The instruction set, such as `aarch64`; None where the target takes the host's."""
        return architecture_of(self.llvm.triple) if self.llvm.triple else None

    def is_cross(self) -> bool:
        """Whether this host runs another instruction set than the target's."""
        return self.architecture not in (None, host_architecture())

    def tvm_target(self, threads: int) -> dict[str, object]:
        """The target as TVM's dictionary form; options the file leaves unset are absent.

        Args:
            threads: how many cores the code may use, at least 1.

        Raises:
            UsageError: fewer than one thread.
        """
        if threads < 1:
            raise UsageError(f"expected at least 1 thread, got {threads}", "pass --threads 1 or more")
        options = {"mtriple": self.llvm.triple, "mcpu": self.llvm.mcpu, "mattr": list(self.llvm.mattr)}
        host = {"kind": "llvm", **{key: value for key, value in options.items() if value}}
        if self.cuda is None:
            return {**host, "num-cores": threads}
        return {"kind": "cuda", "arch": self.cuda.arch, "max_num_threads": 1024, "thread_warp_size": 32, "host": host}

    @property
    def lanes(self) -> int:
        """32-bit lanes of one vector register."""
        return max(1, int(self.peak("vector_bits")) // 32)

    def peak(self, name: str) -> float:
        """The value of one fact, in that fact's own unit.

        Args:
            name: such as `binary_gops_per_core`.

        Raises:
            UsageError: the target has no such fact.
        """
        if name not in self.facts:
            raise UsageError(f"expected a fact of target '{self.name}', got '{name}'", closest(name, self.facts))
        return self.facts[name].value


class _Part(BaseModel):
    # A misspelt field must not pass for an absent one.
    model_config = ConfigDict(extra="forbid")


class FactEntry(_Part):
    """One line of the table `[facts]`."""

    value: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    unit: _Text
    source: _Text


class FactsTable(_Part):
    """The table `[facts]`: what a roofline and a loop arrangement need to know of a CPU or a GPU.

    A core of a GPU is a multiprocessor, its vector a warp; `shared_bytes_per_block` and the peaks of its tensor cores
    exist only there.

    Peaks are those of one core: `int8_gops_per_core` of the vector unit, `amx_int8_gops_per_core` of the tiles where
    there are any. `l3_bytes_per_core` is a core's share of the last cache; some CPUs have none. `clock_ghz` is there
    where the file describes one board.
    """

    clock_ghz: FactEntry | None = None
    vector_bits: FactEntry
    vector_registers: FactEntry
    l1d_bytes: FactEntry
    l2_bytes: FactEntry
    l3_bytes_per_core: FactEntry | None = None
    binary_gops_per_core: FactEntry
    int8_gops_per_core: FactEntry
    amx_int8_gops_per_core: FactEntry | None = None
    tensor_binary_gops_per_core: FactEntry | None = None
    tensor_int8_gops_per_core: FactEntry | None = None
    shared_bytes_per_block: FactEntry | None = None
    float_gops_per_core: FactEntry
    memory_gbytes_per_s: FactEntry
    cache_gbytes_per_s: FactEntry

    def facts(self) -> dict[str, Fact]:
        """The entries that are there by name, in the order of the fields."""
        return {name: Fact(**entry) for name, entry in self.model_dump(exclude_none=True).items()}


class LlvmTable(_Part):
    """The table `[llvm]`."""

    triple: _Text | None = None
    mcpu: _Text | None = None
    mattr: list[Annotated[str, Field(pattern=r"^[+-].+$")]] = []


class CudaTable(_Part):
    """The table `[cuda]`."""

    arch: Annotated[str, Field(pattern=r"^sm_[0-9]{2,3}$")]
    names: list[_Text] = []


class TargetFile(_Part):
    """A whole target file."""

    name: _Name
    kind: TargetKind
    description: _Text
    rank: Annotated[int, Field(ge=0)]
    requires: list[_Text]
    like: _Name | None = None
    cores: Annotated[int, Field(ge=1)] | None = None
    core: _Name | None = None
    parts: list[Annotated[str, Field(pattern=r"^0x[0-9a-f]+$")]] = []
    llvm: LlvmTable = LlvmTable()
    cuda: CudaTable | None = None
    facts: FactsTable

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.kind == "cuda") != (self.cuda is not None) or ((self.kind == "cuda") and self.cores is None):
            raise ValueError("a target of kind 'cuda', and no other, has a table [cuda]; it also tells its cores")
        return self

    def target(self) -> Target:
        """The target that the file describes."""
        return Target(
            name=self.name,
            kind=self.kind,
            description=self.description,
            rank=self.rank,
            requires=frozenset(self.requires),
            llvm=Llvm(self.llvm.triple, self.llvm.mcpu, tuple(self.llvm.mattr)),
            facts=self.facts.facts(),
            like=self.like,
            cores=self.cores,
            core=self.core,
            parts=frozenset(self.parts),
            cuda=Cuda(self.cuda.arch, tuple(self.cuda.names)) if self.cuda else None,
        )
