"""The verifier: one draft claim in, one verdict out. It trusts nobody.

A claim passes when its wording is plain and every part of it is proven by evidence that was shown; the
citation is then narrowed to the lines that prove it and hashed. Deterministic: same inputs, same verdict;
no model is asked. What it cannot do: understand. A sentence whose names, figures, effects and relations all
stand in its lines may still be badly put.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.exhibits import Exhibit, Line, join, open_evidence, unsound
from agent.lint import Lint, load_lint
from agent.proof import check_proof, scope_of
from agent.repair import tidy
from agent.state import Citation, Claim, DraftClaim, Evidence, Fault, Repair, Verdict
from agent.terms import has_number, lines_of_term
from agent.wording import check_wording
from agent.words import Sentence, Term, read_sentence
from retrieval.snapshot import Snapshot


@dataclass(frozen=True)
class _Case:
    sentence: Sentence
    shown: Mapping[str, Evidence]
    snapshot: Snapshot
    vocabulary: frozenset[str]
    lint: Lint


def judge(
    draft: DraftClaim,
    *,
    shown: Mapping[str, Evidence],
    question: str,
    snapshot: Snapshot,
    accepted: Sequence[str],
    vocabulary: frozenset[str] = frozenset(),
) -> Verdict:
    """Judge one draft claim.

    `shown` are the evidence items of the prompt by id, `accepted` the sentences that the answer prints already,
    `vocabulary` every identifier of the repository (for telling an invented name from a misplaced one, and for
    recognising plain-word names such as `argparse`). Never raises for anything a model can write.
    """
    lint = load_lint()
    text, repairs = tidy(draft.text, lint)
    sentence = read_sentence(text)
    faults = check_wording(sentence, question, [read_sentence(other) for other in accepted], lint)
    ids, unknown = _sound_ids(draft, shown, snapshot, lint)
    if not ids:
        faults = [*(unknown or [lint.fault("no_citation")]), *faults]
    if faults:
        return Verdict(draft=draft, faults=tuple(faults), repairs=tuple(repairs))
    case = _Case(sentence, shown, snapshot, vocabulary, lint)
    return _weigh(case, draft, ids, repairs)


def advice(verdicts: Sequence[Verdict], most: int = 4) -> str:
    """One line for the model on how its refused sentences can be put right; "" when none was refused."""
    messages = [fault.message for verdict in verdicts if not verdict.accepted for fault in verdict.faults]
    return "; ".join(list(dict.fromkeys(messages))[:most])


def _sound_ids(
    draft: DraftClaim, shown: Mapping[str, Evidence], snapshot: Snapshot, lint: Lint
) -> tuple[list[str], list[Fault]]:
    ids: list[str] = []
    faults: list[Fault] = []
    for name in dict.fromkeys(draft.evidence):
        if name not in shown:
            faults.append(lint.fault("unknown_evidence", name))
        elif fault := unsound(shown[name], snapshot, lint):
            faults.append(fault)
        else:
            ids.append(name)
    return ids, faults


def _weigh(case: _Case, draft: DraftClaim, ids: list[str], repairs: list[Repair]) -> Verdict:
    """Hold the sentence against the cited evidence, then against what else was shown."""
    first: list[Fault] = []
    for exhibit in _candidates(case, ids):
        faults = check_proof(case.sentence, exhibit, case.vocabulary, case.lint)
        citations = [] if faults else _cite(case, exhibit)
        if not faults and citations is None:
            faults = [case.lint.fault("too_wide", case.lint.data.limits.widest)]
        if not faults:
            claim = _claim(case.sentence.text, citations or [], exhibit)
            return Verdict(draft=draft, claim=claim, repairs=(*repairs, *_moved(draft, exhibit)))
        first = _closer(first, faults)
    return Verdict(draft=draft, faults=tuple(first), repairs=tuple(repairs))


def _closer(one: list[Fault], other: list[Fault]) -> list[Fault]:
    """The faults to report: those of the candidate that came nearest, the earlier one when equal."""
    return other if not one or len(other) < len(one) else one


def _candidates(case: _Case, ids: list[str]) -> Iterator[Exhibit]:
    """Each cited item alone, the cited items together, then every other item alone."""
    opened = {name: open_evidence(case.shown[name], case.snapshot) for name in ids}
    for name in ids:
        yield from opened[name]
    code = [opened[name][0] for name in ids if case.shown[name].kind == "code"]
    said = [exhibit for name in ids if case.shown[name].kind == "census" for exhibit in opened[name]]
    if len(code) > 1:
        yield join(code)
    if code:
        yield from (join([*code, exhibit]) for exhibit in said)
    for name, evidence in case.shown.items():
        if name not in opened and not unsound(evidence, case.snapshot, case.lint):
            yield from open_evidence(evidence, case.snapshot)


def _moved(draft: DraftClaim, exhibit: Exhibit) -> list[Repair]:
    before, after = ",".join(draft.evidence), ",".join(exhibit.ids)
    if before == after:
        return []
    kind = "surplus citation removed" if set(exhibit.ids) < set(draft.evidence) else "citation moved"
    return [Repair(kind=kind, before=before, after=after)]


def _claim(text: str, citations: list[Citation], exhibit: Exhibit) -> Claim:
    return Claim(text=text, citations=tuple(citations), origin="model", evidence=exhibit.ids)


def _cite(case: _Case, exhibit: Exhibit) -> list[Citation] | None:
    """The lines that prove the sentence, narrowed; None when they are spread too widely.

    A census statement about nothing (zero hits) has no lines, and the list is empty.
    """
    limits = case.lint.data.limits
    scope = scope_of(case.sentence, exhibit)
    if isinstance(scope, Term):
        return None
    proving = _proving(case, scope)
    spans = [_widen(case, run, limits.margin) for run in _by_file(proving, exhibit)]
    if any(end - start + 1 > limits.widest for _, start, end in spans):
        return None
    citations = [_citation(case.snapshot, *span) for span in spans[: limits.citations]]
    return citations if citations or not exhibit.lines else None


def _proving(case: _Case, scope: Exhibit) -> list[Line]:
    sentence, lint = case.sentence, case.lint
    lines = {line for term in sentence.terms for line in lines_of_term(term, scope)}
    lines |= {line for number in sentence.numbers for line in scope.lines if has_number(number, line.text)}
    for backed in lint.backed:
        if backed.says.search(sentence.prose):
            lines |= {line for line in scope.lines if backed.lines.search(line.text)}
    return sorted(lines or set(scope.lines))


def _by_file(proving: list[Line], exhibit: Exhibit) -> list[list[Line]]:
    """Proving lines grouped by file and by unbroken stretch of the exhibit's lines."""
    held = set(proving)
    groups: list[list[Line]] = []
    above: Line | None = None
    for line in sorted(exhibit.lines):
        joined = above is not None and (above.path, above.number + 1) == (line.path, line.number)
        if not joined:
            groups.append([])
        above = line
        groups[-1].append(line)
    return [
        [line for line in group if line in held] + [group[0], group[-1]]
        for group in groups
        if any(line in held for line in group)
    ]


def _widen(case: _Case, run: list[Line], margin: int) -> tuple[str, int, int]:
    """A few lines around the proving ones, inside the evidence (whose ends are the last two of `run`)."""
    *proving, first, last = run
    start = max(first.number, min(line.number for line in proving) - margin)
    end = min(last.number, max(line.number for line in proving) + margin)
    return first.path, start, end


def _citation(snapshot: Snapshot, path: str, start: int, end: int) -> Citation:
    digest = snapshot.by_path[path].lines_sha256(start, end)
    return Citation(path=path, start=start, end=end, sha256=digest)
