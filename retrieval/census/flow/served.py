"""Functions that a server or a serving framework calls: HTTP handlers and the methods of predictor classes.

Which program starts the server is for `entries.py` and `launchers.py` to say.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.entries import Entry
from retrieval.census.flow.routes import routes
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

_PREDICTORS = {
    "cog.BasePredictor": ("Cog", ("setup", "predict")),
    "cog.Predictor": ("Cog", ("setup", "predict")),
    "cog.BaseRunner": ("Cog", ("setup", "run")),
    "litserve.LitAPI": ("LitServe", ("setup", "decode_request", "predict", "encode_response")),
    "ts.torch_handler.base_handler.BaseHandler": ("TorchServe", ("initialize", "handle", "inference")),
}


def served_entries(program: "Program") -> Iterator[Entry]:
    """HTTP handlers and predictor methods, each with the function that runs."""
    for route in routes(program):
        item = route.target.definition
        said = f"`{route.path}`" if route.path else f"`@{route.how}`"
        text = f"`{item.name}()` in {route.target.path} handles HTTP requests ({said})"
        yield Entry("web app", route.target.path, (item.start, item.head_end), item.name, text, route.target)
    for path, facts in program.facts.items():
        for item in facts.definitions if facts.language == "python" else ():
            if item.kind == "class":
                yield from _predictor(program, path, item)


def _predictor(program: "Program", path: str, item: Definition) -> Iterator[Entry]:
    framework, methods = next((_PREDICTORS[base] for base in item.bases if base in _PREDICTORS), ("", ()))
    cls = ClassRef(path, item)
    for name in methods:
        method = program.definition(path, f"{item.symbol}.{name}")
        if method is not None:
            text = f"{framework} runs `{method.symbol}()` of {path}"
            lines = (method.start, method.head_end)
            yield Entry("web app", path, lines, method.symbol, text, FunctionRef(path, method, cls, cls))
