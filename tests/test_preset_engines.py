"""The engine that the default of an options class chooses among those that a stage may run."""

from retrieval.census.models.preset_engines import preset_models
from retrieval.census.models.roster import roster_of
from tests.source_tree import codebase_of

OPTIONS = """
    from enum import Enum
    from typing import Literal

    from pydantic import BaseModel, Field

    class Kind(str, Enum):
        LOCAL = "local"
        RUNTIME = "runtime"

    class EngineOptions(BaseModel):
        kind: Kind

    class RuntimeOptions(EngineOptions):
        kind: Literal[Kind.RUNTIME] = Kind.RUNTIME

    class LocalOptions(EngineOptions):
        kind: Literal[Kind.LOCAL] = Kind.LOCAL

    def default_engine() -> EngineOptions:
        return LocalOptions()

    class LayoutOptions(BaseModel):
        engine: EngineOptions = Field(default_factory=default_engine)
"""
ENGINES = """
    import onnxruntime
    from transformers import AutoModelForObjectDetection

    from options import EngineOptions, Kind

    class RuntimeEngine:
        def __init__(self, options):
            self.session = onnxruntime.InferenceSession("layout.onnx")

        def find(self, page):
            return self.session.run(None, {"page": page})

    class LocalEngine:
        def __init__(self, options):
            self.model = AutoModelForObjectDetection.from_pretrained("acme/layout")

        def find(self, page):
            return self.model(page)

    def make_engine(options: EngineOptions):
        if options.kind == Kind.RUNTIME:
            return RuntimeEngine(options)
        elif options.kind == Kind.LOCAL:
            return LocalEngine(options)
        raise ValueError(options)
"""
STAGE = """
    from engines import make_engine
    from options import LayoutOptions

    class Layout:
        def __init__(self, options: LayoutOptions):
            self.engine = make_engine(options.engine)

        def __call__(self, page):
            return self.engine.find(page)

    if __name__ == "__main__":
        Layout(LayoutOptions())("page")
"""


def test_the_default_factory_of_an_option_chooses_the_engine() -> None:
    code = codebase_of({"options.py": OPTIONS, "engines.py": ENGINES, "stage.py": STAGE})
    roster = roster_of(code)
    layout = roster.program.named_class("stage.py", "Layout")
    assert layout is not None
    names = ["InferenceSession", "AutoModelForObjectDetection"]
    assert preset_models(roster, layout, names) == (["AutoModelForObjectDetection"], "LayoutOptions.engine")
    engine = roster.program.named_class("engines.py", "RuntimeEngine")
    assert engine is not None and preset_models(roster, engine, names) == ([], "")
