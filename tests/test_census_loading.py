"""What is loaded by names that properties compute, and fields of dataclasses that hold models."""

from retrieval.census import run_query
from tests.source_tree import codebase_of
from tests.test_census_order import NETS

LOADER = """
    import importlib
    from dataclasses import dataclass

    from kinds import Kind


    class Loader:
        _made = {}

        def get(self, kind: Kind):
            if kind not in self._made:
                self._made[kind] = self._load(kind)
            return self._made[kind]

        def _load(self, kind: Kind):
            module = importlib.import_module(kind.module)
            return getattr(module, kind.function)


    def read(path, kind: Kind):
        loader = Loader()
        if kind.name == "pdf":
            read_pdf = loader.get(kind)
            return read_pdf(path)
        reader = loader.get(kind)
        return reader(path)


    if __name__ == "__main__":
        read("a", Kind("pdf"))
"""
KINDS = """
    class Kind:
        def __init__(self, name):
            self.name = name

        @property
        def module(self):
            if not self.name:
                raise ValueError()
            return f"readers.{self.name}"

        @property
        def function(self):
            return f"read_{self.name}"
"""
PDF = """
    from nets import big


    def read_pdf(path):
        return big('a')(path)


    def read_old_pdf(path):
        return 1
"""
WORDS = "from nets import small\n\n\ndef read_words(path):\n    return small('b')(path)\n"


def test_a_function_that_properties_name_is_called_and_a_variable_of_its_name_means_it() -> None:
    files = {"nets.py": NETS, "kinds.py": KINDS, "run.py": LOADER, "readers/pdf.py": PDF, "readers/words.py": WORDS}
    found = [hit.text for hit in run_query(codebase_of(files), "flow").hits]
    assert any(text.startswith("`read()` calls `read_pdf()` (readers/pdf.py)") for text in found)
    assert any("`reader(…)`, which is `read_pdf()` or `read_words()`" in text for text in found)
    assert not any("read_old_pdf" in text for text in found)


def test_a_dataclass_runs_the_model_that_its_maker_was_given_for_a_field() -> None:
    voice = """
        from dataclasses import dataclass
        from nets import big, small

        @dataclass
        class Voice:
            net: object
            rate: int

            @staticmethod
            def load(path):
                return Voice(rate=3, net=big(path))

            def say(self, text):
                return self.net(text)

        if __name__ == "__main__":
            Voice.load("a").say("b")
    """
    runs = run_query(codebase_of({"nets.py": NETS, "run.py": voice}), "model_runs").hits
    assert [hit.name for hit in runs] == ["Big"]
