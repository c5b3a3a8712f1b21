"""Options that hold the address of the server which answers for a model: another server can be named there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.meaning.wording import caller
from retrieval.census.models.model_requests import SERVICES, address_parts, service_of
from retrieval.census.models.named_models import option_of
from retrieval.census.models.request_forms import request_forms
from retrieval.census.models.roster import Roster
from retrieval.parse import descendants

if TYPE_CHECKING:
    from retrieval.census.models.sightings import Use


def asked_addresses(roster: Roster) -> Iterator[Point]:
    """One point per option from which the address of a request to a model is made."""
    told: set[str] = set()
    for form in request_forms(roster.codebase):
        option = next(filter(None, (option_of(roster, f"`{field}`") for field in _fields(form.use))), "")
        if option and option not in told:
            told.add(option)
            yield _point(form.use, option)


def _fields(use: "Use") -> list[str]:
    """The attributes in the text with the path of the service: "server" of `f"{args.server}/chat/completions"`."""
    found: dict[str, None] = {}
    for spot in address_parts(use.frame, use.step):
        text = spot.frame.body.tree.text
        for node in descendants(spot.node) if SERVICES.search(spot.text()) else ():
            if node.type == "attribute":
                found.setdefault(text(node.child_by_field_name("attribute")))
    return list(found)


def _point(use: "Use", option: str) -> Point:
    path = service_of(use.frame, use.step)
    where = f" at `{path}`" if path else ""
    short = f"{option} can name any server that takes the requests{where}"
    said = (
        f"By configuration alone: {option} gives the address that {caller(use.frame)} ({use.frame.path}) asks{where}: "
        "any server that takes these requests can answer them, with whichever model it has"
    )
    lines = (use.step.start, use.step.end)
    names = tuple(dict.fromkeys(made.name for made in use.made))
    return Point("configuration", short, said, use.frame.path, lines, use.frame.symbol, (), names)
