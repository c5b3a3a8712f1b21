"""Census findings → statements. Every sentence comes from the pack, every figure and place from the census.

A statement with hits cites them; a statement of absence carries the number of files searched.
"""

import re
from collections.abc import Iterable, Sequence

from agent.completeness import absent_parts
from agent.findings import Finding
from agent.stages import Question, VerdictSpec
from agent.state import Citation, Claim
from retrieval.chunk import Span
from retrieval.facts import CensusHit
from retrieval.snapshot import ROLES, Snapshot

MOST_NAMES = 12
SPARE = 4
MOST_REST, TELLING = 40, 0.6  # names beside the places of a rest, and the share of it that has one of its own
NOT_DETERMINED = "Not determined: {labels} - {unread}."
ONLY_IDLE = "Not in what the main programs are seen to run ({programs}). Only in other code of the repository: {found}."
ALSO_IDLE = "Only outside what the main programs are seen to run: {found}."
NONE_RUN = ", none in what the main programs are seen to run"
IDLE_LINES = 4
ABSENT_PART = "{part}: nothing found in {searched} files searched ({labels})."
_CODE = re.compile(r"\w[(\[]|[=@]|\bimport ")
_WORDS = re.compile(r"[a-z]+ ")


def cite(snapshot: Snapshot, span: Span) -> Citation:
    """A citation of `span`, cut to the file's length, with the digest of its lines."""
    file = snapshot.by_path[span.path]
    end = max(span.start, min(span.end, len(file.lines)))
    return Citation(path=span.path, start=span.start, end=end, sha256=file.lines_sha256(span.start, end))


def compose(question: Question, findings: Sequence[Finding], snapshot: Snapshot) -> list[Claim]:
    """The question's direct answer and its facts, as claims in printing order."""
    claims = [_verdict(question, findings, snapshot)] if question.verdict else []
    claims = [claim for claim in claims if claim.text]  # the facts begin with the answer themselves
    for finding in findings:
        claims += _statement(finding, snapshot, silent=question.verdict is not None)
    return claims + [_absent_part(part, facts) for part, facts in absent_parts(question, findings)]


def decided_no(question: Question, findings: Sequence[Finding]) -> bool:
    """Whether the census alone answers the question, with no."""
    deciding = [finding for finding in findings if finding.fact.decides]
    known = not any(finding.unread for finding in deciding)
    return question.verdict is not None and known and not any(f.hits for f in deciding)


def _absent_part(part: str, facts: Sequence[Finding]) -> Claim:
    searched = min(finding.searched for finding in facts)
    labels = ", ".join(finding.fact.label for finding in facts)
    text = ABSENT_PART.format(part=_sentence_case(part), labels=labels, searched=searched)
    return Claim(text=text, citations=(), origin="census", searched=searched)


def _verdict(question: Question, findings: Sequence[Finding], snapshot: Snapshot) -> Claim:
    assert question.verdict is not None
    deciding = [finding for finding in findings if finding.fact.decides]
    found = [finding for finding in deciding if finding.run]
    idle = [finding for finding in deciding if finding.hits and not finding.run]
    aside = [finding for finding in deciding if not finding.hits and finding.elsewhere]
    empty = [finding for finding in deciding if not finding.hits and not finding.elsewhere]
    absent = [finding for finding in empty if not finding.unread]
    blind = [finding for finding in empty if finding.unread]
    searched = min((f.searched for f in findings if not f.unread), default=0)
    values = {
        "found": "; ".join(_counted(finding) for finding in found),
        "absent": ", ".join(finding.fact.label for finding in (absent if found or idle else [*absent, *aside])),
        "searched": str(searched),
    }
    text = _direct(question.verdict, values, idle)
    if blind:
        text = "" if not found and not idle and not absent else text + " "
        text += NOT_DETERMINED.format(labels=", ".join(finding.fact.label for finding in blind), unread=blind[0].unread)
    if aside:
        named = ", ".join(f"{f.fact.label} ({_roles(f.elsewhere)})" for f in aside)
        text = f"{text} Outside the main code only: {named}.".strip()
    named = "{found}" in question.verdict.positive  # a verdict that names nothing rests on the first fact alone
    proving = [*found, *idle] if named else [*found, *idle][:1]
    shown = [finding.hits[0] for finding in proving] or [finding.elsewhere[0] for finding in aside]
    return Claim(text=text, citations=_cite_hits(shown, snapshot), origin="census", searched=searched)


def _direct(verdict: VerdictSpec, values: dict[str, str], idle: Sequence[Finding]) -> str:
    """The verdict's sentences: yes for what the main programs run, and what only other code holds."""
    held = "; ".join(_counted(finding) for finding in idle)
    if values["found"]:
        text = _fill(verdict.positive, values)
        return f"{text} {ALSO_IDLE.format(found=held)}".strip() if idle else text
    if not idle:
        return _fill(verdict.negative, values)
    rest = f" Not found in {values['searched']} files searched: {values['absent']}." if values["absent"] else ""
    return ONLY_IDLE.format(programs=_listed(idle[0].programs), found=held) + rest


def _counted(finding: Finding) -> str:
    """ "threads (3 places in `src/pool.py`)", of the places that the main programs run if there are any."""
    hits = finding.hits[: finding.run] or finding.hits
    if finding.fact.named:
        return f"{finding.fact.label}: {_names(hits)}"
    count = len(hits)
    paths = list(dict.fromkeys(hit.path for hit in hits))
    where = f"in `{paths[0]}`" if len(paths) == 1 else f"in {len(paths)} files"
    return f"{finding.fact.label} ({count} place{'s' if count != 1 else ''} {where})"


def _fill(template: str, values: dict[str, str]) -> str:
    """`template` with its variables; a sentence whose variable is empty is left out."""
    sentences = re.split(r"(?<=[.:])\s+(?=[A-Z])", template)
    empty = [name for name, value in values.items() if not value]
    kept = [s for s in sentences if not any("{" + name + "}" in s for name in empty)]
    return " ".join(kept).format(**values)


def _statement(finding: Finding, snapshot: Snapshot, *, silent: bool) -> list[Claim]:
    fact = finding.fact
    values = {
        "label": fact.label,
        "count": str(len(finding.hits)),
        "files": str(len({hit.path for hit in finding.hits})),
        "searched": str(finding.searched),
        "names": _names(finding.hits[: finding.run] or finding.hits),
    }
    if not finding.hits:
        return _absence(finding, values, snapshot, silent=silent)
    text = fact.found.format(**values)
    heading = _sentence_case(text if finding.run else _none_run(text))
    if fact.layout == "tree":
        return [_tree(heading, finding, snapshot)]
    if fact.layout == "sentences":
        lines = [_line(hit, snapshot, nested=False, placed=True) for hit in finding.hits[: fact.show]]
        return [claim.model_copy(update={"level": 0}) for claim in lines]
    claims = [
        Claim(
            text=heading,
            citations=_cite_hits(finding.hits, snapshot),
            origin="census",
        )
    ]
    if fact.layout != "places":
        claims += _lines(finding, snapshot)
    if finding.elsewhere:
        claims.append(_aside(finding, snapshot))
    return claims


def _lines(finding: Finding, snapshot: Snapshot) -> list[Claim]:
    """A line for each hit that the fact shows, those that the main programs run first, then the places of the rest."""
    fact = finding.fact
    run, idle = finding.hits[: finding.run], finding.hits[finding.run :]
    shown = run[: _most(fact.show, run)]
    nested = fact.layout == "steps"
    claims = [_line(hit, snapshot, nested=nested, placed=nested) for hit in shown]
    claims += _rest(run[len(shown) :], snapshot) if len(run) > len(shown) and shown else []
    if not run:
        most = _most(fact.show, idle)
        claims += [_line(hit, snapshot, nested=False) for hit in idle[:most]]
        return claims + (_rest(idle[most:], snapshot) if most and len(idle) > most else [])
    if idle and fact.show:
        claims += _beside(idle, min(IDLE_LINES, fact.show), snapshot)
    return claims


def _most(show: int, hits: Sequence[CensusHit]) -> int:
    """How many hits get a line: `show`, or all where the rest would be a few."""
    return len(hits) if show and len(hits) <= show + SPARE else show


def _beside(idle: Sequence[CensusHit], most: int, snapshot: Snapshot) -> list[Claim]:
    """What stands in code that no main program runs: a few lines, and the places of the rest."""
    text = f"Outside what the main programs are seen to run ({len(idle)}):"
    claims = [Claim(text=text, citations=_cite_hits(idle, snapshot), origin="census", level=1)]
    lines = [_line(hit, snapshot, nested=False) for hit in idle[:most]]
    return claims + [line.model_copy(update={"level": 2}) for line in lines]


def _none_run(text: str) -> str:
    """ "CUDA streams (6), none in what the main programs run:"."""
    body = text.rstrip()
    ending = body[-1] if body[-1:] in (":", ".") else ""
    return body.removesuffix(ending) + NONE_RUN + ending


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _absence(finding: Finding, values: dict[str, str], snapshot: Snapshot, *, silent: bool) -> list[Claim]:
    claims = []
    if finding.unread and not silent:
        text = NOT_DETERMINED.format(labels=finding.fact.label, unread=finding.unread)
        claims.append(Claim(text=text, citations=(), origin="census"))
    elif finding.fact.none and not finding.unread:
        text = finding.fact.none.format(**values)
        claims.append(Claim(text=text, citations=(), origin="census", searched=finding.searched))
    if finding.elsewhere and (claims or silent):
        claims.append(_aside(finding, snapshot))
    return claims


def _aside(finding: Finding, snapshot: Snapshot) -> Claim:
    text = f"{_sentence_case(finding.fact.label)}, outside the main code: {_roles(finding.elsewhere)}."
    return Claim(text=text, citations=_cite_hits(finding.elsewhere, snapshot), origin="census", level=1)


def _roles(hits: Iterable[CensusHit]) -> str:
    """ "12 in tests, 3 in examples"."""
    counts = {role: 0 for role in ROLES}
    for hit in hits:
        counts[hit.role] = counts.get(hit.role, 0) + 1  # type: ignore[index]
    words = {"test": "tests", "example": "examples", "generated": "generated files"}
    named = [f"{n} in {words.get(role, role + ' files')}" for role, n in counts.items() if n]
    return ", ".join(named)


def _names(hits: Sequence[CensusHit]) -> str:
    return _listed(tuple(dict.fromkeys(hit.name for hit in hits if hit.name)), MOST_NAMES)


def _listed(names: Sequence[str], most: int = 4) -> str:
    """ "`a`, `b` and 3 more"; a name of several words stands as it is."""
    quoted = [name if " " in name else f"`{name}`" for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(quoted[:most]) + more


def _line(hit: CensusHit, snapshot: Snapshot, *, nested: bool, placed: bool = False) -> Claim:
    related = [Span(path, start, end) for _, path, start, end in hit.related]
    spans = dict.fromkeys([Span(hit.path, hit.start, hit.end), *related])
    depth = int(hit.detail.get("depth", "0")) if nested else 0
    measured = hit.detail.get("scope") == "repository"
    cited = [] if measured else [span for span in spans if _citable(span, snapshot)]
    return Claim(
        text=_quoted(hit, snapshot) + ("" if placed else _where(hit)),
        citations=tuple(cite(snapshot, span) for span in cited),
        origin="census",
        level=1 + depth,
        searched=0 if cited else len(snapshot.files),
    )


def _quoted(hit: CensusHit, snapshot: Snapshot) -> str:
    """A hit that shows bare source becomes a code span; one that is written for people begins like a sentence."""
    text = hit.text
    if "`" not in text and (_is_source(hit, snapshot) or _CODE.search(text)):
        return f"`{text}`"
    return _sentence_case(text) if _WORDS.match(text) else text


def _is_source(hit: CensusHit, snapshot: Snapshot) -> bool:
    file = snapshot.by_path.get(hit.path)
    shown = snapshot.excerpt(Span(hit.path, hit.start, hit.end)) if file else ""
    return "".join(hit.text.split()) in "".join(shown.split())


def _where(hit: CensusHit) -> str:
    """ " in `Whisper.decode`", unless the line says so itself."""
    said = not hit.symbol or hit.symbol in hit.text or hit.symbol.split(".")[-1] + "()" in hit.text
    return "" if said else f" - in `{hit.symbol}`"


def _rest(hits: Sequence[CensusHit], snapshot: Snapshot) -> list[Claim]:
    """The places of hits that have no line of their own, with their names where these tell them apart."""
    names = dict.fromkeys(hit.name for hit in hits if hit.name and hit.name not in (hit.symbol, hit.path))
    telling = TELLING * len(hits) <= len(names) <= MOST_REST
    text = f"{len(hits)} more, {_listed(tuple(names), MOST_REST)}:" if telling else f"{len(hits)} more:"
    return [Claim(text=text, citations=_cite_hits(hits, snapshot), origin="census", level=1)]


def _tree(heading: str, finding: Finding, snapshot: Snapshot) -> Claim:
    block = "\n".join(hit.text for hit in finding.hits)
    described = [hit for hit in finding.hits if hit.path in snapshot.by_path]
    return Claim(text=heading, citations=_cite_hits(described, snapshot), origin="census", block=block)


def _cite_hits(hits: Iterable[CensusHit], snapshot: Snapshot) -> tuple[Citation, ...]:
    spans = dict.fromkeys(Span(hit.path, hit.start, hit.end) for hit in hits)
    return tuple(cite(snapshot, span) for span in spans if _citable(span, snapshot))


def _citable(span: Span, snapshot: Snapshot) -> bool:
    """Whether the span begins inside a file that was read; an empty file has no line to cite."""
    file = snapshot.by_path.get(span.path)
    return file is not None and 1 <= span.start <= len(file.lines)
