"""The peak of tensor cores: a loop of one instruction on registers alone.

NVIDIA publishes the rate of single bits for some GPUs only. Every warp multiplies fragments that it never loads, onto
several accumulators that do not wait for each other, so that nothing but the instruction's rate bounds the loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.gpu.driver import Driver
from tvm_bnn.deploy.nvrtc import compile_cuda

CHAINS = 8
"""Accumulators of a warp, of 4 registers each."""

THREADS = 256
BLOCKS_PER_MULTIPROCESSOR = 4
_WARP = 32
_SOURCE = """\
extern "C" __global__ void loop(int* out, int rounds) {{
  int a0 = threadIdx.x, a1 = a0 * 3, a2 = a0 * 5, a3 = a0 * 7, b0 = a0 * 11, b1 = a0 * 13;
  int c[{chains}][4] = {{}};
  for (int round = 0; round < rounds; ++round) {{
#pragma unroll
    for (int i = 0; i < {chains}; ++i) {{
      asm volatile("{instruction} {{%0, %1, %2, %3}}, {{%4, %5, %6, %7}}, {{%8, %9}}, {{%0, %1, %2, %3}};"
                   : "+r"(c[i][0]), "+r"(c[i][1]), "+r"(c[i][2]), "+r"(c[i][3])
                   : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
    }}
  }}
  int sum = 0;
  for (int i = 0; i < {chains}; ++i) sum += c[i][0] + c[i][1] + c[i][2] + c[i][3];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}}
"""


@dataclass(frozen=True)
class Instruction:
    """One of the tensor cores', with fragments of 4, 2 and 4 registers.

    Attributes:
        name: in the PTX ISA.
        depth: of the 16 x 8 dot products that it adds to.
    """

    name: str
    depth: int

    @property
    def operations(self) -> int:
        """Of one instruction; a multiply-accumulate is two."""
        return 2 * 16 * 8 * self.depth


INSTRUCTIONS = {
    "1 bit, xor": Instruction("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc", 256),
    "1 bit, and": Instruction("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc", 256),
    "8 bits": Instruction("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32", 32),
}


def source(instruction: Instruction) -> str:
    """The CUDA C of the loop."""
    return _SOURCE.format(chains=CHAINS, instruction=instruction.name)


def tops(instruction: Instruction, blocks: int, rounds: int, milliseconds: float) -> float:
    """1e12 operations a second."""
    warps = blocks * THREADS // _WARP
    return warps * rounds * CHAINS * instruction.operations / milliseconds / 1e9


def peaks(driver: Driver, arch: str, multiprocessors: int) -> dict[str, float]:
    """The peaks of a GPU in 1e12 operations a second, the best of several launches each."""
    found = {}
    for name, instruction in INSTRUCTIONS.items():
        loop = driver.function(compile_cuda(source(instruction), arch), "loop")
        blocks, rounds = BLOCKS_PER_MULTIPROCESSOR * multiprocessors, 20_000
        times = [driver.milliseconds(loop, blocks, THREADS, rounds) for _ in range(6)]
        found[name] = tops(instruction, blocks, rounds, min(times[1:]))
    return found
