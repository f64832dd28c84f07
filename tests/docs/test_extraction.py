"""Commands are found where the documentation shows them."""

from tests.docs.commands import Block, Command, blocks, code, commands, mentioned, others, shown

TEXT = """Run `tvm-bnn tune
net` first, or `make tune`.

```sh
# a remark
tvm-bnn profile net \\
    --repeat 2 > a.json
python bits.py
pip install 'a[b]'
```

```
tvm-bnn run road photo.jpg -o out.png   don't forget the picture
a drawing
```

```python bits.py
print("tvm-bnn in a string")
```
"""


def test_commands_of_blocks_come_in_order() -> None:
    assert commands(TEXT) == [
        Command(("tvm-bnn", "profile", "net", "--repeat", "2"), "a.json"),
        Command(("python", "bits.py")),
        Command(("pip", "install", "a[b]")),
        Command(("tvm-bnn", "run", "road", "photo.jpg", "-o", "out.png")),
    ]
    assert [command.words[1] for command in shown(TEXT)] == ["profile", "run"]
    assert [command.script for command in others(TEXT)] == ["bits.py", None]


def test_code_in_sentences_may_break_a_line() -> None:
    assert code(TEXT) == ["tvm-bnn tune net", "make tune"]
    assert mentioned(TEXT) == [Command(("tvm-bnn", "tune", "net"))]


def test_marks_of_blocks() -> None:
    assert blocks(TEXT)[-1] == Block(("python", "bits.py"), 'print("tvm-bnn in a string")\n')
    assert [block.marks for block in blocks(TEXT)] == [("sh",), (), ("python", "bits.py")]
