import re

from tvm_bnn.deploy.readable import readable_sources
from tvm_bnn.graph.phases import Compiled


def test_code_as_people_read_it(tiny_compiled: Compiled) -> None:
    sources = readable_sources(tiny_compiled.executable)
    assert list(sources) == ["source/model.ll", "source/model.s"]
    functions = {placed.function for placed in tiny_compiled.operators}
    for text in sources.values():
        assert all(name in text.decode() for name in functions)


def test_no_addresses_of_the_compiling_process(tiny_compiled: Compiled) -> None:
    text = readable_sources(tiny_compiled.executable)["source/model.ll"].decode()
    assert not re.search('!"0x', text)
    assert '!"object0"' in text
