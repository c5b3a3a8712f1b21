"""Embeddings of images that models keep on their way, and those that are read from what a library's model gives."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at, run_query
from retrieval.census.meaning.body import Binding, CallStep, one_line
from retrieval.census.meaning.onward import onward
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import External
from retrieval.census.modalities.modality_names import named
from retrieval.census.modalities.worked_with import works_with_audio
from retrieval.census.models.roster import Roster
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_EMBEDDING = re.compile(r"(?i)emb|feat|hidden|repr|tokens$|encod")
_ASKED = re.compile(
    r"(?i)\.(?:(?:get|extract|compute|make|encode|embed)_(?:image|vision|visual|video|img|picture)s?_?"
    r"(?:emb\w*|feat\w*|repr\w*)|(?:embed|encode)_(?:image|video|img|picture)s?|image_embeddings?)$"
)
_SHAPING = frozenset(["expand", "repeat", "view", "to", "reshape", "type"])
_FEATURES = re.compile(r"(?i)^(?:feat|feats|features?|feature_maps?|x|embeds?|embeddings?)$")
_TOWER = re.compile(
    r"(?i)^self\.(?:\w+\.)*(backbone|visual(?:_encoder)?|vision_(?:tower|model|encoder)|im(?:age|g)_encoder)$"
)
_POSITION = re.compile(r"(?i)pos(?:ition\w*)?_?(?:emb|enc)|mask|quer(?:y|ies)|encoder$|(?:^|_)(?:num|n|len)_")
_READ_AT_ALL = re.compile(rb"\.(?:normed_embedding|embeddings?|image_embeds)\b")
ATTRIBUTES = (
    "attribute_uses: *.normed_embedding, "
    r"re:(?i)(?:^|[._])(?:face|img|image|photo|portrait)s?\d*\.(?:embeddings?|image_embeds)$"
)
_ENTRY = re.compile(
    r"(?i)\b\w*(?:face|img|image|photo|portrait)\w*(?:\[\w+\])*\[[\"'](?:normed_embedding|embeddings?|image_embeds?)[\"']\]"
)


def kept_inside(roster: Roster, frame: "Frame") -> Iterator[tuple[Binding, CallStep]]:
    """What a module that a model holds gives, kept under a name that says embedding of an image."""
    if frame.owner is None:
        return
    model = roster.family.is_model(frame.owner)
    for binding in frame.body.bindings:
        last = binding.name.rpartition(".")[2]
        by_name = named(last) in ("image", "video") and _EMBEDDING.search(last) and not _POSITION.search(last)
        if not by_name and not (model and _FEATURES.match(last)):
            continue
        if frame.symbol.endswith("__init__"):
            continue  # what is kept there is what will run
        call = _root(binding.value)
        step = next((step for step in frame.body.calls if call is not None and step.node.id == call.id), None)
        if (
            step is None
            or not re.match(r"self\.\w+(?:\.\w+)*$", step.written)
            or not arguments(step.node, keywords=True)
            or step.written.rpartition(".")[2] in _SHAPING
        ):
            continue
        if not by_name and not _is_tower(frame, step):
            continue
        if not isinstance(frame.callee(step), External) and (model or _is_held(frame, step.written)):
            yield binding, step


def _is_tower(frame: "Frame", step: CallStep) -> bool:
    """Whether what is called is held under the name of an encoder of images; a backbone, where nothing is heard."""
    found = _TOWER.search(step.written)
    return found is not None and (found[1].lower() != "backbone" or not works_with_audio(frame.program))


def _is_held(frame: "Frame", written: str) -> bool:
    """Whether the class makes what the attribute holds: `self.vit = Encoder(…)`."""
    methods = frame.program.methods(frame.owner, frame.owner) if frame.owner is not None else []
    values = [b.value for method in methods for b in method.bound(written)]
    return any(value is not None and value.type == "call" for value in values)


def _root(node: Node | None) -> Node | None:
    """The call whose result an expression takes a part of."""
    while node is not None and node.type in ("subscript", "attribute"):
        node = node.child_by_field_name("value" if node.type == "subscript" else "object")
    return node if node is not None and node.type == "call" else None


def said(frame: "Frame", name: str, binding: Binding, step: CallStep) -> str:
    """ "`M.forward()` keeps what `self.vit(x)` gives as `image_emb`, which goes into `self.proj(…)`"."""
    written = one_line(frame.body.tree.text(step.node), 60)
    return f"{name} keeps what `{written}` gives as `{binding.name}`{onward(frame, step.node)}"


def asked_results(roster: Roster, known: set[tuple[str, int]]) -> Iterator[tuple["Frame", CallStep]]:
    """Calls of methods that are named for making embeddings of images, on objects that nothing else tells of."""
    for frame, _ in roster.frames:
        for step in frame.body.calls:
            asks = _ASKED.search(step.written) and (frame.path, step.node.id) not in known
            if asks and isinstance(frame.callee(step), External | None):
                yield frame, step


def read_results(codebase: "Codebase") -> list[CensusHit]:
    """Attributes and entries of results that are embeddings of faces or images, in the code that is no test."""
    files = [file for file in codebase.snapshot.files if file.language in ("python", "notebook")]
    found = run_query(codebase, ATTRIBUTES).hits if any(_READ_AT_ALL.search(f.data) for f in files) else []
    return [hit for hit in found if hit.role != "test"] + list(_entries(codebase))


def _entries(codebase: "Codebase") -> Iterator[CensusHit]:
    """`faces[0]["embedding"]`: an entry of a result by its key."""
    for file in codebase.snapshot.files:
        if file.language != "python" or file.role in ("test", "docs") or not _ENTRY.search(file.text):
            continue
        for number, line in enumerate(file.lines, start=1):
            if found := _ENTRY.search(line.partition("#")[0]):
                symbol = codebase.symbol_at(file.path, number)
                where = f"`{symbol}()`" if symbol else file.path
                text = f"`{found[0]}` in {where}, in `{one_line(line.strip(), 90)}`"
                yield hit_at(codebase, file.path, (number, number), symbol=symbol, name=found[0], text=text)
