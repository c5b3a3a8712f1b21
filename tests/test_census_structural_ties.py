"""What ties a program to its kinds of models by structure: fields for results, stages, interfaces, labels."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

RECORDS = """
    from dataclasses import dataclass, field
    from enum import Enum

    class BoxLabel(Enum):
        TEXT = "text"
        TABLE = "table"
        TITLE = "title"
        CODE = "code"

    @dataclass
    class Predictions:
        boxes: list | None = None
        caption: str | None = None

    @dataclass
    class Page:
        number: int = 0
        predictions: Predictions = field(default_factory=Predictions)

    @dataclass
    class EngineInput:
        image: bytes = b""

    @dataclass
    class EngineOutput:
        text: str = ""
"""
ENGINES = """
    from abc import ABC, abstractmethod

    import torch
    from records import BoxLabel, EngineInput, EngineOutput, Page
    from sift import Sifter

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)
        def forward(self, x):
            return self.layer(x)

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)
        def forward(self, x):
            return self.layer(x)

    class Engine(ABC):
        @abstractmethod
        def predict(self, item: EngineInput) -> EngineOutput:
            ...

    class Detector:
        def __init__(self):
            self.net = Net()
        def mark(self, page: Page):
            found = self.net(page.number)
            try:
                label = BoxLabel[label_name(found)]
            except KeyError as error:
                raise RuntimeError("no label") from error
            page.predictions.boxes = Sifter().keep([label])

    class Captioner:
        def __init__(self):
            self.net = Tiny()
        def tell(self, page: Page):
            page.predictions.caption = str(self.net(page.number))

    class Namer:
        def __init__(self):
            self.net = Tiny()
        def name(self, page: Page):
            return self.net(page.number)

    def label_name(found):
        return str(found)
"""
WRAPPED = """
    from engines import Engine, Net, Tiny
    from records import EngineInput, EngineOutput

    class First(Engine):
        def __init__(self):
            self.net = Net()
        def predict(self, item: EngineInput) -> EngineOutput:
            return EngineOutput(str(self.net(item.image)))

    class Second(Engine):
        def __init__(self):
            self.net = Tiny()
        def predict(self, item: EngineInput) -> EngineOutput:
            return EngineOutput(str(self.net(item.image)))
"""
SIFT = """
    from records import BoxLabel

    class Sifter:
        LIMITS = {BoxLabel.TEXT: 0.5, BoxLabel.TABLE: 0.4, BoxLabel.TITLE: 0.3, BoxLabel.CODE: 0.2}
        def keep(self, labels):
            return [label for label in labels if label == BoxLabel.TEXT or self.LIMITS[label] > 0.3]
"""
RUN = """
    from engines import Captioner, Detector, Namer
    from records import EngineInput, Page
    from wrapped import First, Second

    class Pipeline:
        def __init__(self, small):
            self.detector = Detector()
            self.captioner = Captioner()
            self.namer = Namer()
            self.engine = First() if small else Second()
        def run(self, page: Page):
            self.detector.mark(page)
            self.captioner.tell(page)
            self.namer.name(page)
            print(page.predictions.boxes, page.predictions.caption)
            return self.engine.predict(EngineInput())

    if __name__ == "__main__":
        Pipeline(True).run(Page())
"""


def pages() -> Codebase:
    return codebase_of(
        {"records.py": RECORDS, "engines.py": ENGINES, "wrapped.py": WRAPPED, "sift.py": SIFT, "run.py": RUN}
    )


def test_fixed_places_of_results_and_types_of_interfaces_block_first() -> None:
    text = run_query(pages(), "swap_blockers").hits[0].text
    slots = "(1) results have fixed places: `Predictions` (records.py) has one field for each kind: "
    assert slots + "`boxes` (filled by `Detector`), `caption` (filled by `Captioner`)" in text
    typed = "`Engine.predict()` (engines.py) takes `EngineInput` (`image`) and gives `EngineOutput` (`text`); "
    assert typed + "none of these results has a field for an embedding" in text
    assert "`Sifter` fixes `LIMITS` (an entry for 4 members of `BoxLabel`)" in text


def test_structure_ties_files_and_an_interface_loosens_them() -> None:
    told = {hit.path: hit.text for hit in run_query(pages(), "coupled_files").hits}
    assert "runs the stages `detector`, `captioner`, `namer` in fixed places" in told["run.py"]
    assert "has one field for each kind of result, `boxes`, `caption`" in told["records.py"]
    assert "binds labels, as `LIMITS` (an entry for 4 members of `BoxLabel`)" in told["sift.py"]
    assert "decides once by a label" in told["sift.py"]
    assert "stands behind the interface `Engine`" in told["wrapped.py"]


HEIRS = """
    from run import Pipeline

    class SmallPipeline(Pipeline):
        def title(self):
            return "small"

    if __name__ == "__main__":
        SmallPipeline(True).run(None)
"""


def test_stages_tie_the_file_that_puts_them_in_place_and_not_its_heirs() -> None:
    files = {"records.py": RECORDS, "engines.py": ENGINES, "wrapped.py": WRAPPED, "small.py": HEIRS}
    run = RUN.split("    if __name__")[0]
    told = {hit.path: hit.text for hit in run_query(codebase_of({**files, "run.py": run}), "coupled_files").hits}
    assert "runs the stages `detector`, `captioner`, `namer` in fixed places" in told["run.py"]
    assert "in fixed places" not in told.get("small.py", "")
