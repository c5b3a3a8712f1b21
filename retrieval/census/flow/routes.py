"""Routes of web servers in the repository, who serves them, and who calls them over HTTP."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.values import External, ExternalObject, FunctionRef
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

METHODS = words("route get post put delete patch websocket head options api_route")
SERVERS = frozenset({"flask", "fastapi", "starlette", "sanic", "bottle", "quart"})
_SERVING = words("uvicorn.run hypercorn.run waitress.serve aiohttp.web.run_app gevent.pywsgi.WSGIServer")
_OWN_SERVING = words("flask.Flask quart.Quart sanic.Sanic bottle.Bottle")
_CLIENTS = words("get post put delete patch request stream ws_connect websocket_connect urlopen")
_DECORATOR = re.compile(r"[\w.]*\.(\w+)")
_WRITTEN = re.compile(r"""@[\w.]+\.\w+\(\s*(?:path\s*=\s*)?[rf]?["']([^"']*)["']""")
_PATH = re.compile(r"""["'][^"'\s]*?((?:/[\w{}.-]+)+)/?["'?]""")
_KNOWN: "Beside[Program, list[Route]]" = Beside()
SHORTEST, MOST_SERVED = 4, 40


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the path under which its decorator, or the call that registers it, puts it."""

    path: str
    target: FunctionRef
    how: str


def routes(program: "Program") -> list[Route]:
    """Every handler of the repository, worked out once."""
    if program not in _KNOWN:
        _KNOWN[program] = list(_routes(program))
    return _KNOWN[program]


def _routes(program: "Program") -> Iterator[Route]:
    for path, facts in program.facts.items():
        if facts.language != "python" or not any(item.module.split(".")[0] in SERVERS for item in facts.imports):
            continue
        lines = program.snapshot.by_path[path].lines
        for item in facts.definitions:
            for decorator in item.decorators if item.kind == "function" else ():
                match = _DECORATOR.fullmatch(decorator)
                if match and match[1] in METHODS:
                    said = _WRITTEN.search(" ".join(lines[item.start - 1 : item.head_start]))
                    yield Route(said[1] if said else "", FunctionRef(path, item), decorator)
                    break
        yield from _registered(program, path)


def _registered(program: "Program", path: str) -> Iterator[Route]:
    """`router.post("/chat")(chat)` and `app.add_api_route("/chat", chat)`."""
    frame = program.frame(path, None)
    bodies = [frame, *(program.frame(path, item) for item in program.facts[path].definitions if item.kind != "class")]
    for body in (body for body in bodies if body is not None):
        for step in body.body.calls:
            callee = step.node.child_by_field_name("function")
            outer = callee is not None and callee.type == "call"
            method = body.body.tree.text(callee.child_by_field_name("function") if outer and callee else callee)
            last = method.rpartition(".")[2]
            if not (outer and last in METHODS and "." in method) and last not in ("add_api_route", "add_url_rule"):
                continue
            arguments = step.node.child_by_field_name("arguments")
            values = [body.value(n, step.order, step.guards) for n in (arguments.named_children if arguments else ())]
            said = re.search(r"""["'](/[^"']*)["']""", body.body.tree.text(step.node))
            for value in values:
                if isinstance(value, FunctionRef):
                    yield Route(said[1] if said else "", value, method)


def served(program: "Program", frame: "Frame", step: CallStep) -> tuple[FunctionRef, ...]:
    """The handlers that a server runs which a call starts: those below the folder of the code that starts it."""
    callee = frame.callee(step)
    if isinstance(callee, External) and callee.name in _SERVING:
        return _near(program, frame.path)
    node = step.node.child_by_field_name("function")
    held = node.child_by_field_name("object") if node is not None and node.type == "attribute" else None
    owner = frame.value(held, step.order, step.guards) if held is not None else None
    runs = step.written.endswith(".run") and isinstance(owner, ExternalObject) and owner.maker in _OWN_SERVING
    return _near(program, frame.path) if runs else ()


def _near(program: "Program", path: str) -> tuple[FunctionRef, ...]:
    """The handlers of the file itself, else those below its folder."""
    every = [route.target for route in routes(program)]
    own = [target for target in every if target.path == path]
    folder = path.rpartition("/")[0]
    below = [target for target in every if target.path.startswith(f"{folder}/") or not folder]
    return tuple(dict.fromkeys(own or below))[:MOST_SERVED]


def requested(program: "Program", frame: "Frame", step: CallStep, *, several: bool = False) -> tuple[FunctionRef, ...]:
    """The handlers of the repository that a call reaches over HTTP, by the constant end of its address; with `several`
    also those of programs that stand in for each other under one address."""
    if step.written.rpartition(".")[2] not in _CLIENTS or not routes(program) or _registers(frame, step):
        return ()
    arguments = step.node.child_by_field_name("arguments")
    first = arguments.named_children[:2] if arguments is not None else []
    asked = [found for node in first for found in _PATH.findall(frame.body.tree.text(node))]
    fitting = [
        route.target
        for route in routes(program)
        for address in asked
        if len(route.path) > SHORTEST and (address.endswith(route.path) or route.path.endswith(address))
        if route.target.path != frame.path
    ]
    return tuple(dict.fromkeys(fitting)) if several or len(set(fitting)) == 1 else ()


def _registers(frame: "Frame", step: CallStep) -> bool:
    """Whether a call is of a server's own object, which takes a handler."""
    outer = step.node.parent
    if outer is not None and outer.type == "call" and outer.child_by_field_name("function") == step.node:
        return True
    node = step.node.child_by_field_name("function")
    held = node.child_by_field_name("object") if node is not None and node.type == "attribute" else None
    owner = frame.value(held, step.order, step.guards) if held is not None else None
    return isinstance(owner, ExternalObject) and owner.maker.partition(".")[0] in SERVERS
