"""Requests to models behind a service: clients of model servers, and HTTP in the form that such servers take.

A function that names the path of a server's completions, or writes messages of a chat with their roles, and sends them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.facts import Call, CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

ASKING = words("post request stream")
_CALLED = frozenset({"ModelInfer"})
_CLIENTS = re.compile(
    r"^(?:tritonclient\.[\w.]*InferenceServerClient|gradio_client\.Client|huggingface_hub\.(?:Async)?InferenceClient"
    r"|xinference[\w.]*Client)$"
)
# What model servers are sent: messages of a chat with their roles, or a request in KServe's form.
_FORM = re.compile(r"/v2/models/|\bModelInfer\(|[\"']messages[\"']\s*:")
_ENDPOINT = re.compile(r"/(?:chat/completions|v1/completions|v1/embeddings|api/generate|api/chat)\b")
_SENDS = re.compile(r"^_?\w{0,8}(?:post|request)(?:_json|_url)?$")


@once
def asked(codebase: Codebase) -> tuple[CensusHit, ...]:
    """Clients of model servers, and HTTP requests of functions or classes that write what such a server is sent."""
    return tuple(_asked(codebase))


@once
def asking_units(codebase: Codebase) -> frozenset[tuple[str, str]]:
    """The functions of main programs that ask a model behind a service."""
    return frozenset((hit.path, hit.symbol) for hit in asked(codebase))


def _asked(codebase: Codebase) -> Iterator[CensusHit]:
    reach = reach_of(codebase)
    for path, call in codebase.all_calls():
        method = call.name.rpartition(".")[2]
        client = _CLIENTS.match(call.name) is not None
        sends = method in ASKING or method == "urlopen" or method in _CALLED or _SENDS.match(method) is not None
        if not client and not sends:
            continue
        if codebase.snapshot.by_path[path].role != "source" or not reach.runs((path, call.symbol)):
            continue
        if client or _is_sent(codebase, path, call, method):
            name = call.name if client else method if method in _CALLED else "http"
            lines = (call.start, call.end)
            yield hit_at(codebase, path, lines, symbol=call.symbol, name=name, text=call.written)


def _is_sent(codebase: Codebase, path: str, call: Call, method: str) -> bool:
    """Whether a call sends what a model server takes: through a library, or a function of the repository's own that is
    given the address."""
    if codebase.resolve_call(path, call) is None and "." in call.written:
        known = method in ASKING or method == "urlopen" or method in _CALLED
        return known and _FORM.search(_around(codebase, path, call.symbol)) is not None
    item = next((d for d in codebase.facts[path].definitions if d.symbol == call.symbol), None)
    lines = codebase.snapshot.by_path[path].lines[item.start - 1 : item.end] if item is not None else ()
    return any(_ENDPOINT.search(line) for line in lines)


@once
def _around(codebase: Codebase, path: str, symbol: str) -> str:
    """The lines of the class of a method, or of a function."""
    owner = symbol.rpartition(".")[0]
    facts = codebase.facts[path]
    item = next((d for d in facts.definitions if d.symbol == owner and d.kind == "class"), None)
    item = item or next((d for d in facts.definitions if d.symbol == symbol), None)
    lines = codebase.snapshot.by_path[path].lines
    return "\n".join(map(str, lines[item.start - 1 : item.end])) if item is not None else ""
