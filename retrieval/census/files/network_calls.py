"""Kind `network_calls`: what is sent to and asked of servers, downloads of files left out."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.syntax import call_hit
from retrieval.census.files.disk import contacts_of
from retrieval.census.language import Query, compile_pattern, kind
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_CALLS = "socket.socket requests.* httpx.* aiohttp.* websockets.* urllib.request.urlopen grpc.* zmq.* websocket.*"


@kind(
    "network_calls",
    summary="calls that open sockets or ask servers, in functions that do not write what they fetch to a file",
    example="network_calls",
    reads="python",
)
def network_calls(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call. Patterns match the call."""
    patterns = [compile_pattern(word) for word in _CALLS.split()]
    fetching = {c.place for c in contacts_of(codebase) if c.effect == "writes" and c.what == "download"}
    for path, call in codebase.all_calls():
        names = codebase.speller.names(path, call.name)
        asks = any(pattern.matches(name) for name in names for pattern in patterns)
        if asks and (path, call.symbol) not in fetching and query.matches(*names):
            yield call_hit(codebase, path, call)
