"""A call through a shared base runs what the registry of its caller holds, and nothing of another registry."""

from retrieval.census.meaning.callgraph import possible
from retrieval.census.meaning.program import Program, program_of
from tests.source_tree import codebase_of

SHARED = """
    from abc import abstractmethod

    class Wrapper:
        def load(self):
            self.prepare()

        def infer(self, x):
            return self.compute(x)

        def prepare(self):
            pass

        @abstractmethod
        def compute(self, x):
            pass
"""
READING = """
    from enum import Enum
    from shared import Wrapper

    class Reader:
        def read(self, x):
            return self._read(x)

        def _read(self, x):
            raise NotImplementedError

    class Local(Reader, Wrapper):
        def _read(self, x):
            return self.infer(x)

    class Large(Local):
        def compute(self, x):
            return x + 1

    class Small(Local):
        def prepare(self):
            print("small")
        def compute(self, x):
            return x + 2

    class Plain(Reader):
        def _read(self, x):
            return x

    class Unlisted(Local):
        def compute(self, x):
            return x + 3

    class Kind(str, Enum):
        large = "large"
        small = "small"
        plain = "plain"

    BIG = {Kind.large: Large}
    READERS = {Kind.small: Small, Kind.plain: Plain, **BIG}
    kept = {}

    def get_reader(kind: Kind) -> Reader:
        if not kept.get(kind):
            reader = READERS[kind]
            kept[kind] = reader()
        return kept[kind]

    def read(kind: Kind, x):
        reader = get_reader(kind)
        if isinstance(reader, Local):
            reader.load()
        return reader.read(x)
"""
WRITING = """
    from shared import Wrapper

    class Writer(Wrapper):
        def write(self, x):
            return self.infer(x)

    class Ink(Writer):
        def compute(self, x):
            return x

    WRITERS = {"ink": Ink}

    def write(kind, x):
        return WRITERS[kind]().write(x)
"""
FILES: dict[str, str | bytes] = {"shared.py": SHARED, "reading.py": READING, "writing.py": WRITING}


def _runs(program: Program, path: str, symbol: str) -> set[str]:
    """Every method of `compute`, `prepare` and `_read` that a function may run, followed call by call."""
    from retrieval.census.meaning.callgraph import entered

    start = program.definition(path, symbol)
    waiting, found = [program.frame(path, start)], set()
    while waiting:
        frame = waiting.pop()
        for site in program.sites(frame) if frame is not None else ():
            for target in possible(program, site):
                if target.definition.name in ("compute", "prepare", "_read"):
                    found.add(target.definition.symbol)
                waiting.append(entered(program, target))
    return found


def test_a_template_method_runs_what_the_registry_of_its_caller_holds() -> None:
    program = program_of(codebase_of(FILES))
    expected = {"Local._read", "Plain._read", "Large.compute", "Small.compute", "Small.prepare", "Wrapper.prepare"}
    assert _runs(program, "reading.py", "read") == expected
    assert _runs(program, "writing.py", "write") == {"Ink.compute"}


def test_what_one_class_of_a_registry_runs_is_its_own() -> None:
    code = "from reading import READERS, Kind\n\ndef first(x):\n    return READERS[Kind.large]().read(x)\n"
    program = program_of(codebase_of({**FILES, "first.py": code}))
    assert _runs(program, "first.py", "first") == {"Local._read", "Large.compute"}


def test_a_table_that_another_file_fills_stays_open() -> None:
    code = "from reading import READERS\n\nREADERS['x'] = object()\n"
    program = program_of(codebase_of({**FILES, "more.py": code}))
    assert "Unlisted.compute" in _runs(program, "reading.py", "read")
