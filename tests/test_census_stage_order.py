"""Census kind `stage_order`: pipelines as objects, the stages that they build and the order in which they run them."""

from retrieval.census import run_query
from tests.source_tree import codebase_of
from tests.test_census_order import NETS

STAGES = """
    from nets import big, small


    class LayoutOptions:
        kind = "layout"


    class WideOptions(LayoutOptions):
        kind = "wide"


    class Layout:
        def __call__(self, page):
            raise NotImplementedError


    class PlainLayout(Layout):
        def __init__(self, options: LayoutOptions):
            self.net = big("a")

        def __call__(self, page):
            return self.net(page)


    class WideLayout(Layout):
        def __init__(self, options: WideOptions):
            self.net = small("b")

        def __call__(self, page):
            return self.net(page)


    class Factory:
        def __init__(self):
            self.classes = {}

        def create(self, options) -> Layout:
            return self.classes[type(options)](options=options)


    class Reader:
        def __init__(self):
            self.net = small("c")

        def __call__(self, page):
            return self.net(page)


    class Sorter:
        def __call__(self, page):
            return sorted(page)


    class Describer:
        def __init__(self, enabled):
            self.net = big("d")

        def __call__(self, page):
            return self.net(page)
"""
PIPELINES = """
    from dataclasses import dataclass, field

    from stages import Describer, Factory, LayoutOptions, Reader, Sorter, WideOptions


    @dataclass
    class Options:
        layout_options: LayoutOptions = WideOptions()
        do_describe: bool = False


    @dataclass
    class PageOptions(Options):
        do_words: bool = False
        do_signs: bool = False
        kind: str = "near"


    @dataclass
    class Request:
        do_words: bool = True


    class Base:
        def __init__(self, options):
            self.options = options
            self.extra = []

        def execute(self, page):
            page = self.build(page)
            page = self.assemble(page)
            for step in self.extra:
                page = step(page)
            return page

        def build(self, page):
            raise NotImplementedError

        def assemble(self, page):
            return page


    class Pages(Base):
        def __init__(self, options: PageOptions):
            super().__init__(options)
            self.options: PageOptions = options
            self.prepare()

        def prepare(self):
            self.reader = Reader()
            self.layout = Factory().create(self.options.layout_options)
            self.sorter = Sorter()
            self.extra = [Describer(enabled=self.options.do_describe), *self.extra]
            self.extra.append(Describer(enabled=self.options.do_words or self.options.do_signs))
            if self.options.do_describe:
                self.extra.append(Describer(enabled=(self.options.kind == "far")))

        def build(self, page):
            return self.reader(self.layout(page))

        def assemble(self, page):
            return self.sorter(page)


    class Sound(Base):
        def __init__(self, options: Options):
            super().__init__(options)
            self.extra = [Reader(), Describer(enabled=True)]

        def build(self, page):
            return page


    def main(kind):
        pipeline = Pages if kind == "pages" else Sound
        print(pipeline(Options()).execute([1]))


    if __name__ == "__main__":
        main("pages")
"""


def test_each_pipeline_is_told_in_the_order_in_which_it_runs_its_stages() -> None:
    codebase = codebase_of({"nets.py": NETS, "stages.py": STAGES, "run.py": PIPELINES})
    found = {hit.name: hit.text for hit in run_query(codebase, "stage_order").hits}
    assert found["Pages"].partition(" in this order: ")[2] == (
        "`layout` (one of `WideLayout`, `PlainLayout`, by default `WideLayout`; model `Small`) → "
        "`reader` (`Reader`; model `Small`) → "
        "`sorter` (`Sorter`) → `Describer` (model `Big`; off by default, `do_describe` is False) → "
        "`extra` (`Describer`; model `Big`; off by default, `do_words` is False, `do_signs` is False) → "
        "`extra` (`Describer`; model `Big`; only if `self.options.do_describe`, "
        'enabled only if `self.options.kind == "far"`)'
    )
    assert found["Sound"].partition(" in this order: ")[2] == "`Reader` (model `Small`) → `Describer` (model `Big`)"
    assert "Base" not in found


def test_a_pipeline_of_one_stage_tells_the_work_of_its_own_method() -> None:
    source = """
        from abc import ABC, abstractmethod
        from nets import big

        class Base(ABC):
            def execute(self, job):
                self.build(job)

            @abstractmethod
            def build(self, job): ...

        class Film(Base):
            def __init__(self):
                self.ears = Ears()

            def build(self, job):
                self._process(job)

            def _process(self, job):
                log.info("begin")
                sound = extract(job)
                if sound:
                    words = self.ears.listen(sound)
                    check_words(words)
                job.result.add_text(words)

        class Ears:
            def __init__(self):
                self.net = big("a")

            def listen(self, sound):
                return self.net(sound)

        class Table(Base):
            def __init__(self):
                self.layout = Ears()
                self.reader = Ears()

            def build(self, job):
                self.layout.listen(job)
                self.reader.listen(job)

        class Option:
            pipeline_cls = Film

        class Other:
            pipeline_cls = Table

        def extract(job):
            return job.sound

        def check_words(words): ...

        def main(job):
            kind = Option if job.film else Other
            kind.pipeline_cls().execute(job)

        if __name__ == "__main__":
            main(None)
    """
    code = codebase_of({"app.py": source, "nets.py": NETS})
    [film] = [hit.text for hit in run_query(code, "stage_order: Film").hits] or [""]
    assert film.endswith(
        "; its own `build()` runs `extract()` → `self.ears.listen()` (on a condition) → `job.result.add_text()`"
    ), film


def test_a_method_of_the_object_and_a_model_that_it_keeps_are_stages_and_its_state_is_none() -> None:
    source = """
        from nets import big, small

        class Eyes:
            def __init__(self):
                self.net = small("d")

            def __call__(self, page):
                return self.net(page)

        class Ears(Eyes): ...

        class Notes:
            def add(self, text): ...

        class Base:
            def __init__(self):
                self.eyes = Eyes()
                self.ears = Ears()
                self.notes = Notes()
                self.judge = big("j")

            def run(self, page):
                self.notes.add(self.eyes(page))
                self.read(page)
                self.ears(page)
                self.judge(page)
                self.notes = None

        class Plain(Base):
            def read(self, page):
                return big("p")(page)

        class Fine(Base):
            def read(self, page):
                return small("f")(page)

        def choose(name):
            if name == "plain":
                return Plain()
            return Fine()

        if __name__ == "__main__":
            choose("plain").run("page")
    """
    (hit,) = run_query(codebase_of({"nets.py": NETS, "run.py": source}), "stage_order").hits
    chosen = "`Fine` chosen by `choose`; `Plain` chosen by `choose` if `name == 'plain'`"
    assert hit.text == (
        f"A `Fine` or `Plain` object ({chosen}) runs its stages in this order: `eyes` (`Eyes`; model `Small`) → "
        "`read()` (a method of its own, which runs `Small` in `Fine`, `Big` in `Plain`) → "
        "`ears` (`Ears`; model `Small`) → `judge` (`Big`)"
    )
