"""Sentences that only a census of the whole repository can prove: counts, "the only", "is never called".

Which sentences these are, and the query that proves each, is data in lint.yaml. A sentence of another form is left
to the gates of `proof.py`, which refuse any quantity, exclusion or negation that the cited lines do not show.
"""

import re
from collections.abc import Callable, Sequence

from agent.lint import CensusForm, Lint
from agent.relations import marked
from agent.state import Citation, Claim, Fault
from agent.words import Sentence, Term, stands_in
from retrieval.facts import CensusHit, CensusResult
from retrieval.snapshot import Snapshot

Census = Callable[[str], CensusResult]
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def census_proof(
    sentence: Sentence,
    census: Census,
    *,
    question: str,
    snapshot: Snapshot,
    vocabulary: frozenset[str],
    lint: Lint,
) -> Claim | Fault | None:
    """The sentence as a claim with every hit that proves it, why the census refutes it, or None for other sentences.

    A name that neither the repository nor the question knows proves nothing by being absent.
    """
    text, terms = marked(sentence)
    for form in lint.census_forms:
        found = form.says.fullmatch(text)
        if found is None:
            continue
        named = {key: terms[value] for key, value in found.groupdict().items() if key in "AB" and value}
        for term in named.values():
            if not _DOTTED.fullmatch(term.text):
                return None
            if not _known(term, form, census, question, vocabulary):
                return lint.fault("invented", f"`{term.text}`")
        result = census(form.query.format(**{key: f"*.{term.text}" for key, term in named.items()}))
        held = _held(sentence, form, found.groupdict(), named, result, snapshot, lint)
        if form.proves == "only" and isinstance(held, Claim):
            homes = [hit for hit in census(f"defines: *.{named['A'].text}").hits if hit.path in snapshot.by_path]
            return held.model_copy(update={"citations": (*_cite(homes, snapshot), *held.citations)})
        return held
    return None


def _known(term: Term, form: CensusForm, census: Census, question: str, vocabulary: frozenset[str]) -> bool:
    """Whether the absence of `term` would say something: the question names it, or the repository defines it."""
    if stands_in(term.text, question):
        return True
    return bool(census(f"defines: *.{term.text}").hits) if form.proves == "none" else term.last in vocabulary


def _held(
    sentence: Sentence,
    form: CensusForm,
    said: dict[str, str | None],
    named: dict[str, Term],
    result: CensusResult,
    snapshot: Snapshot,
    lint: Lint,
) -> Claim | Fault:
    hits = [hit for hit in result.hits if hit.path in snapshot.by_path]
    truth = _truth(form, said, named, hits, lint)
    if truth or not result.files_searched:
        return lint.fault("census", sentence.text.rstrip("."), truth or "nothing that it can read")
    if hits:
        return Claim(text=sentence.text, citations=_cite(hits, snapshot), origin="model")
    searched = result.files_searched
    text = f"{sentence.text.rstrip('.')} ({searched} files searched)."
    return Claim(text=text, citations=(), origin="model", searched=searched)


def _truth(
    form: CensusForm, said: dict[str, str | None], named: dict[str, Term], hits: Sequence[CensusHit], lint: Lint
) -> str:
    """What the census finds instead of what the sentence says; "" when they agree."""
    if form.proves == "none":
        return f"{len(hits)} places" if hits else ""
    if form.proves == "only":
        others = {hit.symbol or hit.path for hit in hits if named["A"].last not in hit.symbol.split(".")}
        return f"also `{min(others)}`" if others else ("" if hits else "no place")
    word = str(said.get("N") or "").lower()
    number = int(word) if word.isdecimal() else lint.data.count_words.get(word, 1)
    counted = len({hit.path for hit in hits}) if form.proves == "files" else len(hits)
    return "" if counted == number and number > 0 else str(counted)


def _cite(hits: Sequence[CensusHit], snapshot: Snapshot) -> tuple[Citation, ...]:
    cited: dict[tuple[str, int, int], Citation] = {}
    for hit in hits:
        file = snapshot.by_path[hit.path]
        end = max(hit.start, min(hit.end, len(file.lines)))
        digest = file.lines_sha256(hit.start, end)
        cited[hit.path, hit.start, end] = Citation(path=hit.path, start=hit.start, end=end, sha256=digest)
    return tuple(cited.values())
