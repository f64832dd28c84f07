import pytest

from tests.estimation.assembly import NOTHING, add, block, cnt, load_all_lanes, load_x_moving, uadalp
from tvm_bnn.estimation.decode import Instruction, decode


def one(word: int) -> Instruction:
    (found,) = decode(block(word), "aarch64")
    return found


@pytest.mark.parametrize(
    ("word", "form", "reads", "address", "writes"),
    [
        (add(1, 2, 3), "add 16b,16b,16b", {"v2", "v3"}, set(), {"v1"}),
        (cnt(4, 5), "cnt 16b,16b", {"v5"}, set(), {"v4"}),
        (load_all_lanes(6, 7), "ld1r {4s},[#]", set(), {"x7"}, {"v6"}),
        (load_x_moving(1, 0), "ldr x,[#]+", set(), {"x0"}, {"x1"}),
        (0x6E601C01, "bsl 16b,16b,16b", {"v0", "v1"}, set(), {"v1"}),
        (0x4E1C1C20, "mov s[],w", {"x1", "v0"}, set(), {"v0"}),
        (0x0EA12801, "xtn 2s,2d", {"v0"}, set(), {"v1"}),
        (0x4E612801, "xtn2 8h,4s", {"v0", "v1"}, set(), {"v1"}),
        (0xA9BF07E0, "stp x,x,[#]!", {"x0", "x1"}, {"sp"}, set()),
        (0xACC10440, "ldp q,q,[#]+", set(), {"x2"}, {"v0", "v1"}),
        (0x3CE16800, "ldr q,[x]", set(), {"x0", "x1"}, {"v0"}),
        (0x4E022023, "tbl 16b,{16b,16b},16b", {"v1", "v2"}, set(), {"v3"}),
        (0x8B020C20, "add x,x,x,lsl", {"x1", "x2"}, set(), {"x0"}),
        (0x1A820020, "csel w,w,w,?", {"x1", "x2", "flags"}, set(), {"x0"}),
        (0xEB02003F, "cmp x,x", {"x1", "x2"}, set(), {"flags"}),
        (0x54000001, "b.ne #", {"flags"}, set(), set()),
        (0xB4000000, "cbz x,#", {"x0"}, set(), set()),
        (0xD63F0100, "blr x", {"x8"}, set(), {"x30"}),
        (0xF2A00020, "movk x,#,lsl", {"x0"}, set(), {"x0"}),
        (0x2A1F03E0, "mov w,w", set(), set(), {"x0"}),
        (0x0D408000, "ld1 {s}[],[#]", {"v0"}, {"x0"}, {"v0"}),
    ],
)
def test_aarch64(word: int, form: str, reads: set[str], address: set[str], writes: set[str]) -> None:
    found = one(word)
    assert (found.form, set(found.reads), set(found.address), set(found.writes)) == (form, reads, address, writes)


def test_accumulators_and_addresses_that_move_on() -> None:
    assert (one(uadalp(3, 4)).accumulator, one(uadalp(3, 4)).reads) == ("v3", ("v4",))
    assert one(load_x_moving(1, 0)).written_back == "x0"
    assert one(0xF9400001).written_back is None


def test_what_is_no_instruction_keeps_its_place() -> None:
    assert [found.form for found in decode(block(NOTHING, add(0, 0, 0)), "aarch64")] == ["(bad)", "add 16b,16b,16b"]
    assert [found.form for found in decode(bytes.fromhex("900606"), "x86-64")] == ["nop", "(bad)"]


@pytest.mark.parametrize(
    ("code", "form", "reads", "address", "writes"),
    [
        ("660ffe0411", "paddd v,m", {"mm0"}, {"c", "d"}, {"mm0"}),
        ("660fefc0", "pxor v,v=", set(), set(), {"mm0"}),
        ("4883c001", "add r,i", {"a"}, set(), {"a", "rflags"}),
        ("488b04c8", "mov r,m", set(), {"a", "c"}, {"a"}),
        ("458ac1", "mov r,r", {"r9"}, set(), {"r8"}),
        ("5b", "pop r", set(), set(), {"b"}),
        ("75f0", "jne i", {"rflags"}, set(), set()),
        ("f30f7f442410", "movdqu m,v", {"mm0"}, {"sp"}, set()),
    ],
)
def test_x86(code: str, form: str, reads: set[str], address: set[str], writes: set[str]) -> None:
    (found,) = decode(bytes.fromhex(code), "x86-64")
    assert (found.form, set(found.reads), set(found.address), set(found.writes)) == (form, reads, address, writes)
