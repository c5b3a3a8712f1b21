"""Kind `forward_inputs`: what each model class takes when it runs, with the shapes that its own words give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.comments import SHAPE, Comment, comments, quote
from retrieval.census.language import KINDS, Query, hit_at, kind
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

RUNS = re.compile(
    r"(?:forward|__call__|call|encode|decode|generate|predict|embed|transcribe|infer|inference|sample)(?:_\w+)?\Z"
    r"|(?:get|extract)_\w*(?:features|embeddings?)\Z|compute_\w*(?:loss|sim)\w*\Z"
)
LONGEST = 300
_UNPACKED = re.compile(r"(\w+)\.(?:shape|size\(\))(?:\[(-?\d*:-?\d*)\])?\Z")


@kind(
    "forward_inputs",
    summary="signatures of forward, __call__, encode_*, generate … of each model class, with the shapes they tell",
    example="forward_inputs, or forward_inputs: CLIP, *Encoder",
    reads="python",
    ordered=True,
)
def forward_inputs(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Whole models before parts, in the order of the kind `models`. Patterns match the class or the method."""
    every = Query("models", "models", (), {})
    for model in KINDS["models"].search(codebase, every):
        methods = [item for item in _methods(codebase, model.path, model.symbol) if RUNS.match(item.name)]
        for item in sorted(methods, key=lambda item: (item.name not in ("forward", "__call__"), item.start)):
            if query.matches(model.symbol, item.symbol, item.name):
                yield _hit(codebase, model, item)


def _methods(codebase: Codebase, path: str, owner: str) -> Iterator[Definition]:
    for item in codebase.facts[path].definitions:
        if item.kind == "method" and item.symbol == f"{owner}.{item.name}":
            yield item


def _hit(codebase: Codebase, model: CensusHit, item: Definition) -> CensusHit:
    parameters = ", ".join(" ".join(parameter.split()) for parameter in item.parameters)
    returned = f" -> {' '.join(item.returns.split())}" if item.returns else ""
    shown = parameters if len(parameters) <= LONGEST else f"{parameters[:LONGEST]}…"
    signature = f"`{item.symbol}({shown}){returned}`".replace("\n", " ")
    told = [told for find in _TOLD for told in find(codebase, model.path, item)]
    words = "; ".join(dict.fromkeys(text for text, _ in told))
    places = dict.fromkeys(place for _, place in told)
    carried = {key: model.detail[key] for key in ("tier", "part", "base") if key in model.detail}
    return hit_at(
        codebase,
        model.path,
        (item.head_start, item.head_end),
        symbol=item.symbol,
        name=item.symbol,
        text=f"{signature}{f'; {words}' if words else ''}",
        related=tuple(("shape", model.path, *place) for place in places),
        detail={**carried, "class": model.symbol, "parameters": parameters, "shapes": "yes" if told else "no"},
    )


def _names(item: Definition) -> list[str]:
    names = [re.split(r"[:=]", parameter, maxsplit=1)[0].strip().lstrip("*") for parameter in item.parameters]
    return [name for name in names if name not in ("self", "cls", "")]


def _documented(_codebase: Codebase, _path: str, item: Definition) -> Iterator[tuple[str, tuple[int, int]]]:
    """What the docstring says of a parameter, when it tells a shape."""
    lines = item.docstring.split("\n")
    names = _names(item)
    entry = re.compile(
        rf"\s*(?:[-*]\s*|:param\s+)?[`'\"]?({'|'.join(map(re.escape, names)) or '$^'})[`'\"]?\s*(?:\(|:|-)"
    )
    starts = [(row, match[1]) for row, line in enumerate(lines) if (match := entry.match(line))]
    section = re.compile(r"\s*(?:Returns?|Raises|Examples?|Yields?|Outputs?)\s*:?\s*$")
    for row, name in starts:
        ends = [other for other, _ in starts if other > row]
        ends += [n for n, line in enumerate(lines) if n > row and (section.match(line) or not line.strip())]
        text = " ".join(" ".join(lines[row : min(ends, default=len(lines))]).split())
        if SHAPE.search(text):
            place = (item.doc_start, item.doc_end)
            yield f"of `{name}` the docstring says {quote(text, 320)}", place


def _commented(codebase: Codebase, path: str, item: Definition) -> Iterator[tuple[str, tuple[int, int]]]:
    """Shape comments beside the parameters, and the first ones of the body that name a parameter."""
    names = set(_names(item))
    for comment in _near(codebase, path, item):
        beside = comment.start <= item.head_end
        concerns = names & set(re.findall(r"\w+", f"{comment.code} {comment.text}"))
        if SHAPE.search(comment.text) and (beside or concerns):
            code = " ".join(comment.code.split())
            on = f"`{code[:100]}` has the comment " if code else "a comment says "
            yield f"{on}{quote(comment.text)}", (comment.start, comment.end)


def _near(codebase: Codebase, path: str, item: Definition, most: int = 3) -> list[Comment]:
    file = codebase.snapshot.by_path[path]
    inside = [c for c in comments(file) if item.head_start <= c.start <= item.end and SHAPE.search(c.text)]
    head = [c for c in inside if c.start <= item.head_end]
    return head + [c for c in inside if c.start > item.head_end][:most]


def _unpacked(codebase: Codebase, path: str, item: Definition) -> Iterator[tuple[str, tuple[int, int]]]:
    """`b, c, h, w = x.shape` of a parameter: how many dimensions it must have."""
    names = set(_names(item))
    found: dict[tuple[int, int, str], list[str]] = {}
    for fact in codebase.facts[path].facts:
        if fact.kind == "assign" and fact.symbol == item.symbol:
            match = _UNPACKED.match(fact.detail["value"])
            if match and match[1] in names:
                found.setdefault((fact.start, fact.end, fact.detail["value"]), []).append(fact.name)
    for (start, end, value), targets in found.items():
        if len(targets) > 1:
            yield f"`{', '.join(targets)} = {value}` takes {len(targets)} dimensions", (start, end)


def _keyed(codebase: Codebase, path: str, item: Definition) -> Iterator[tuple[str, tuple[int, int]]]:
    """The literal keys that the body reads from a parameter."""
    lines = codebase.snapshot.by_path[path].lines
    body = [n for n in range(item.head_end + 1, item.end + 1) if not item.doc_start <= n <= item.doc_end]
    for name in _names(item):
        read = re.compile(rf"(?<![\w.]){re.escape(name)}(?:\[|\.get\()([\"'])([^\"']+)\1(?!\]\s*=[^=])")
        found: dict[str, int] = {}
        for number in body:
            for match in read.finditer(lines[number - 1].partition("#")[0]):
                found.setdefault(match[2], number)
        if found:
            keys = ", ".join(f"`{key}`" for key in found)
            noun = "key" if len(found) == 1 else "keys"
            yield f"it reads the {noun} {keys} of `{name}`", (min(found.values()), max(found.values()))


_TOLD = (_keyed, _documented, _commented, _unpacked)
