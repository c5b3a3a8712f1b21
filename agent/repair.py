"""Deterministic corrections of a draft claim, made before anything is asked of the model again.

Of a sentence a repair only takes away: references that the program writes itself, purpose clauses and strengthening
words that no line proves, a half sentence at the end. A path that does not exist becomes the nearest that was shown,
a place (`path:12-20`) the evidence that holds it. What comes out must pass every gate. Moving a citation to other
evidence is decided in `verify.py`, where evidence is weighed.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping

from agent.lint import Lint
from agent.state import Evidence, Repair
from agent.words import read_sentence

_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2011": "-", "\u00a0": " ", "\u2026": "..."}
)
_NEAR = 0.8
_PATH = re.compile(r"[\w./@+-]+\.(?:py|pyi|ipynb|md|txt|toml|cfg|ini|ya?ml|json|sh|c|cc|cpp|cu|h|js|ts|rs|go)")
PLACE = re.compile(r"(?P<path>[\w./@+-]{1,200}):(?P<start>\d{1,7})(?:-(?P<end>\d{1,7}))?")
_HALF = re.compile(r"^(.{20,}?[\w`)\"'])(?:\.\s+[A-Z`][^.]*|\s*;[^;]*)$", re.DOTALL)


def tidy(text: str, lint: Lint) -> tuple[str, list[Repair]]:
    """Return the sentence with every repair applied, and the repairs that changed it."""
    repairs: list[Repair] = []
    text = plain(text)
    for kind, repair in _REPAIRS:
        changed = repair(text, lint)
        if changed != text:
            repairs.append(Repair(kind=kind, before=text, after=changed))
            text = changed
    return text, repairs


def plain(text: str) -> str:
    """The sentence in one spelling: composed characters, straight quotes, single blanks."""
    return re.sub(r"[ \t]+", " ", unicodedata.normalize("NFC", text).translate(_QUOTES)).strip()


def nearest_path(written: str, paths: Collection[str]) -> str:
    """Of `paths` the one that `written` must mean: itself, the only one that ends so, or the only near spelling."""
    bare = written.strip("./ ")
    for fits in (
        [path for path in paths if path == bare],
        [path for path in paths if path.endswith(f"/{bare}")],
        [path for path in paths if path.rpartition("/")[2] == bare.rpartition("/")[2]],
        difflib.get_close_matches(bare, sorted(paths), n=2, cutoff=_NEAR),
    ):
        if fits:
            return fits[0] if len(set(fits)) == 1 else ""
    return ""


def correct_paths(text: str, shown: Mapping[str, Evidence], known: Collection[str]) -> tuple[str, list[Repair]]:
    """The sentence with each path that no file of the repository has replaced by the nearest that was shown."""
    paths = {path for item in shown.values() for path, _, _ in item.spans}
    repairs: list[Repair] = []
    for term in reversed(read_sentence(text).terms):
        if not _PATH.fullmatch(term.text) or term.text in known or any(p.endswith(f"/{term.text}") for p in known):
            continue
        near = nearest_path(term.text, paths)
        repairs.append(Repair(kind="nearest path", before=term.text, after=near))
        if near:
            text = text[: term.at] + f"`{near}`" + text[term.end :]
    return text, repairs


def correct_place(place: str, shown: Mapping[str, Evidence]) -> tuple[list[str], list[Repair]]:
    """The ids of the evidence that a written place means: what overlaps its lines, else what else its file shows."""
    found = PLACE.fullmatch(place)
    if found is None:
        return [], []
    spans = {name: item.span_list() for name, item in shown.items()}
    near = nearest_path(found["path"], {span.path for parts in spans.values() for span in parts})
    start, end = int(found["start"]), int(found["end"] or found["start"])
    in_file = [name for name, parts in spans.items() if any(span.path == near for span in parts)]
    held = [n for n in in_file if any(s.path == near and s.start <= end and s.end >= start for s in spans[n])]
    kind = "lines corrected" if in_file and not held else "nearest path" if near != found["path"] else "place resolved"
    ids = held or in_file
    return ids, [Repair(kind=kind, before=place, after=",".join(ids))]


def _cut_half(text: str, lint: Lint) -> str:
    del lint
    if text.endswith((".", "!", "?")):
        return text
    found = _HALF.match(text)
    return f"{found[1]}." if found else text


def _cut_references(text: str, lint: Lint) -> str:
    for pattern in lint.references:
        text = pattern.sub("", text)
    return text


def _cut_lead(text: str, lint: Lint) -> str:
    return _capital(lint.leads.sub("", text), text)


def _cut_tail(text: str, lint: Lint) -> str:
    for pattern in lint.tails:
        prose = read_sentence(text).prose
        found = re.search(rf"(?:{pattern.pattern})\s*\.?$", prose, re.IGNORECASE)
        if found and _enough(text[: found.start()], lint):
            text = text[: found.start()].rstrip(" ,;") + "."
    return text


def _enough(text: str, lint: Lint) -> bool:
    sentence = read_sentence(text)
    return bool(sentence.terms) and len(sentence.words) + len(sentence.terms) >= lint.data.limits.fewest_words


def _cut_strengthening(text: str, lint: Lint) -> str:
    before = text
    while found := lint.droppable.search(read_sentence(text).prose):
        text = text[: found.start()] + text[found.end() :]
    return _capital(text, before)


def _capital(text: str, before: str) -> str:
    if text[:8] == before[:8] or not re.match(r"[a-z]+[ ,]", text):
        return text
    return text[0].upper() + text[1:]


_REPAIRS: tuple[tuple[str, Callable[[str, Lint], str]], ...] = (
    ("half sentence cut", _cut_half),
    ("reference removed", _cut_references),
    ("leading connective removed", _cut_lead),
    ("purpose clause cut", _cut_tail),
    ("strengthening removed", _cut_strengthening),
)
