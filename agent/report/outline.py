"""The claims of an answer as the page prints them: a tree of statements and items, each with its own places.

Knows how the two readable documents fold a list of places; renders nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from agent.state import Claim
from retrieval.chunk import Span

_REST = re.compile(r"\d+ more(?:, .*)?:", re.DOTALL)


@dataclass
class Item:
    """A claim, the places to print beside it, and the items under it."""

    claim: Claim
    places: tuple[Span, ...]
    items: list["Item"] = field(default_factory=list)

    def size(self) -> int:
        """How many claims stand under this one, at any depth."""
        return len(self.items) + sum(item.size() for item in self.items)


def outline(claims: Sequence[Claim]) -> list[Item]:
    """The statements of an answer with their items; an item stands at most one level below the claim before it."""
    roots: list[Item] = []
    open_items: list[Item] = []
    for at, claim in enumerate(claims):
        level = min(claim.level, len(open_items))
        item = Item(claim, tuple(own_places(claims, at)))
        (open_items[level - 1].items if level else roots).append(item)
        open_items[level:] = [item]
    return roots


def own_places(claims: Sequence[Claim], at: int) -> list[Span]:
    """The places to print beside a claim: a heading leaves to its items those that they name."""
    items = takewhile(lambda claim: claim.level, claims[at + 1 :]) if not claims[at].level else ()
    named = {citation.span for item in items for citation in item.citations}
    spans = dict.fromkeys(citation.span for citation in claims[at].citations)
    return [span for span in spans if span not in named]


def is_rest(claim: Claim) -> bool:
    """Whether it gives the places of what has no statement of its own ("3 more:", "3 more, `a`, `b`, `c`:")."""
    return _REST.fullmatch(claim.text) is not None


def every_item(items: Sequence[Item]) -> Iterator[Item]:
    """All items of the tree in printing order."""
    for item in items:
        yield item
        yield from every_item(item.items)
