"""Which requests of a program ask a model whose server the program starts itself, as a process of its own."""

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.models.made_models import Made, is_served
from retrieval.census.models.model_requests import is_elsewhere, takes_images
from retrieval.census.models.model_servers import engine_of, served_by

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Asked = dict[tuple[str, int], tuple[Made, ...]]


def served(codebase: "Codebase", made: list[Made]) -> tuple[list[Made], Asked]:
    """The models without the requests that ask a server started here, and of which server each of these asks."""
    servers = [item for item in made if is_served(item)]
    if not servers:
        return made, {}
    asked = {item.key: found for item in made if _is_sent(item) and (found := _server(codebase, item, servers))}
    seeing = {
        server.key
        for item in made if item.key in asked and takes_images(item.frame)
        for server in asked[item.key]
    }  # fmt: skip
    told = {server.key: _seeing(server) if server.key in seeing else server for server in servers}
    kept = [told.get(item.key, item) if is_served(item) else item for item in made if item.key not in asked]
    return kept, {key: tuple(told[server.key] for server in found) for key, found in asked.items()}


def is_request(made: Made) -> bool:
    """Whether a model is run by requests over HTTP that the code here writes."""
    return is_served(made) or _is_sent(made)


def _is_sent(made: Made) -> bool:
    return made.known is not None and made.known.hosted and made.known.immediate and made.maker.startswith("http.")


def _server(codebase: "Codebase", request: Made, servers: list[Made]) -> tuple[Made, ...]:
    """The servers of the same file, else those that the same programs run; none where another host is written out."""
    if is_elsewhere(request.frame, request.step):
        return ()
    near = [server for server in servers if server.frame.path == request.frame.path]
    if near or not _is_run(codebase, request):
        return tuple(near)
    return tuple(server for server in servers if _is_run(codebase, server))


def _is_run(codebase: "Codebase", made: Made) -> bool:
    lines = (made.step.start, made.step.start)
    return reach_of(codebase).has(hit_at(codebase, made.frame.path, lines, symbol=made.frame.symbol, name="", text=""))


def _seeing(server: Made) -> Made:
    return replace(server, known=served_by(engine_of(server.known), ("text", "image")))
