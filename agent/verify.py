"""The verifier: one draft claim in, one verdict out. It trusts nobody.

A claim passes when its wording is plain and every part of it is proven by evidence that was shown; the
citation is then narrowed to the lines that prove it and hashed. Deterministic: same inputs, same verdict;
no model is asked. What it cannot do: understand. A sentence whose names, figures, effects and relations all
stand in its lines may still be badly put.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.backing import Census, census_proof
from agent.contradictions import Assertion, refuted
from agent.exhibits import Exhibit, defines, join, open_evidence, unsound
from agent.lint import Lint, load_lint
from agent.narrow import narrow
from agent.proof import check_proof
from agent.repair import correct_paths, correct_place, plain, tidy
from agent.state import Claim, DraftClaim, Evidence, Fault, Repair, Verdict
from agent.terms import searchable
from agent.wording import check_wording
from agent.words import Sentence, read_sentence
from retrieval.snapshot import Snapshot

_PASSIVE = re.compile(r"[^~]{0,24}?\b(?:is|are|was|were|gets|comes)\b")


@dataclass(frozen=True)
class _Case:
    sentence: Sentence
    shown: Mapping[str, Evidence]
    snapshot: Snapshot
    question: str
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
    census: Census | None = None,
    known: Sequence[Assertion] = (),
) -> Verdict:
    """Judge one draft claim.

    `shown` are the evidence items of the prompt by id, `accepted` the sentences that the answer prints already,
    `vocabulary` every identifier of the repository (for telling an invented name from a misplaced one, and for
    recognising plain-word names such as `argparse`). `census` runs a census query, for sentences that only a census
    can prove; `known` is what the answers of the run assert, which no claim may contradict. Never raises for anything
    a model can write.
    """
    lint = load_lint()
    if len(draft.text) > 4 * lint.data.limits.longest:
        return Verdict(draft=draft, faults=(lint.fault("too_long"),))
    said = [read_sentence(other) for other in accepted]
    ids, unknown, repairs = _sound_ids(draft, shown, snapshot, lint)
    proof = None
    if census is not None and ids:
        whole = read_sentence(plain(draft.text))
        proof = census_proof(whole, census, question=question, snapshot=snapshot, vocabulary=vocabulary, lint=lint)
        if isinstance(proof, Claim):
            faults = check_wording(whole, question, said, lint)
            return Verdict(draft=draft, claim=None if faults else proof, faults=tuple(faults))
    text, changes = tidy(draft.text, lint)
    text, paths = correct_paths(text, shown, snapshot.by_path)
    repairs = [*repairs, *changes, *paths]
    sentence = read_sentence(text)
    faults = check_wording(sentence, question, said, lint)
    if proof is not None:
        faults = [proof, *faults]
    if not ids:
        faults = [*(unknown or [lint.fault("no_citation")]), *faults]
    if faults:
        return Verdict(draft=draft, faults=tuple(faults), repairs=tuple(repairs))
    case = _Case(sentence, shown, snapshot, question, vocabulary, lint)
    return _agreeing(_weigh(case, draft, ids, repairs), known, lint)


def advice(verdicts: Sequence[Verdict], most: int = 4) -> str:
    """One line for the model on how its refused sentences can be put right; "" when none was refused."""
    messages = [fault.message for verdict in verdicts if not verdict.accepted for fault in verdict.faults]
    return "; ".join(list(dict.fromkeys(messages))[:most])


def _agreeing(verdict: Verdict, known: Sequence[Assertion], lint: Lint) -> Verdict:
    """The verdict, lowered when its claim contradicts what an answer of the run says already."""
    fault = refuted(verdict.claim, known, lint) if verdict.claim and known else None
    if fault is None:
        return verdict
    repairs = tuple(r.model_copy(update={"accepted": False}) for r in verdict.repairs)
    return Verdict(draft=verdict.draft, faults=(fault,), repairs=repairs)


def _sound_ids(
    draft: DraftClaim, shown: Mapping[str, Evidence], snapshot: Snapshot, lint: Lint
) -> tuple[list[str], list[Fault], list[Repair]]:
    """The cited evidence that can be opened, what is wrong with the rest, and the places that were corrected."""
    ids: list[str] = []
    faults: list[Fault] = []
    repairs: list[Repair] = []
    for name in dict.fromkeys(draft.evidence):
        meant, corrected = ([name], []) if name in shown else correct_place(name, shown)
        repairs += corrected
        if not meant:
            faults.append(lint.fault("unknown_evidence", name))
        for one in meant:
            if fault := unsound(shown[one], snapshot, lint):
                faults.append(fault)
            else:
                ids.append(one)
    return list(dict.fromkeys(ids)), faults, repairs


def _weigh(case: _Case, draft: DraftClaim, ids: list[str], repairs: list[Repair]) -> Verdict:
    """Hold the sentence against the cited evidence, then against what else was shown."""
    first: list[Fault] = []
    elsewhere = False
    for exhibit in _candidates(case, ids):
        outcome = _hold(case, exhibit)
        if isinstance(outcome, Claim):
            made = [*repairs, *_moved(case, ids, exhibit), *_narrowed(outcome, exhibit)]
            accepted = tuple(repair.model_copy(update={"accepted": True}) for repair in made)
            return Verdict(draft=draft, claim=outcome, repairs=accepted)
        if set(exhibit.ids) <= set(ids):
            first = _closer(first, outcome)
        else:
            elsewhere = True
    faults = first or [case.lint.fault("home", f"`{_acting(case.sentence)}`")]
    tried = [Repair(kind="citation moved", before=",".join(ids), after="")] if elsewhere else []
    return Verdict(draft=draft, faults=tuple(faults), repairs=(*repairs, *tried))


def _hold(case: _Case, exhibit: Exhibit) -> Claim | list[Fault]:
    """The claim with its narrowed citations when the exhibit proves the sentence, else what is wrong."""
    scope = check_proof(case.sentence, exhibit, case.question, case.vocabulary, case.lint)
    if isinstance(scope, list):
        return scope
    citations = narrow(case.sentence, scope, case.snapshot, case.lint)
    if not citations:
        kind = "no_citation" if citations is not None else "too_wide"
        return [case.lint.fault(kind, case.lint.data.limits.widest)]
    text = case.sentence.text
    return Claim(text=text, citations=tuple(citations), origin="model", evidence=exhibit.ids)


def _closer(one: list[Fault], other: list[Fault]) -> list[Fault]:
    """The faults to report: of the cited items, those of the one that came nearest, the earlier when equal."""
    return other if not one or len(other) < len(one) else one


def _candidates(case: _Case, ids: list[str]) -> Iterator[Exhibit]:
    """Each cited item alone, the cited items together, then every other item alone.

    When a function is said to do something and its definition was shown, a place that only calls it is
    no proof.
    """
    sound = [n for n, item in case.shown.items() if not unsound(item, case.snapshot, case.lint)]
    opened = {name: open_evidence(case.shown[name], case.snapshot) for name in sound}
    home = _acting(case.sentence)
    at_home = [x for exhibits in opened.values() for x in exhibits if home and defines(home, x)]
    for exhibit in _in_turn(ids, opened):
        if not at_home or exhibit.said or defines(home, exhibit):
            yield exhibit


def _in_turn(ids: list[str], opened: Mapping[str, list[Exhibit]]) -> Iterator[Exhibit]:
    cited = [exhibit for name in ids for exhibit in opened[name]]
    code = [exhibit for exhibit in cited if not exhibit.census]
    yield from cited
    if len(code) > 1:
        yield join(code)
    if code:
        yield from (join([*code, exhibit]) for exhibit in cited if exhibit.census)
    yield from (x for name, exhibits in opened.items() if name not in ids for x in exhibits)


def _acting(sentence: Sentence) -> str:
    """The first name, when the sentence says that it does something itself; "" for "`x` is called …"."""
    if not sentence.terms:
        return ""
    first = sentence.terms[0]
    passive = _PASSIVE.match(sentence.prose, first.end)
    return "" if passive else searchable(first)


def _moved(case: _Case, ids: list[str], exhibit: Exhibit) -> list[Repair]:
    """How the evidence that proves the sentence differs from the evidence that it cites."""
    before, after = ",".join(ids), ",".join(exhibit.ids)
    if before == after:
        return []
    if set(exhibit.ids) < set(ids):
        return [Repair(kind="surplus citation removed", before=before, after=after)]
    files = {path for name in ids for path, _, _ in case.shown[name].spans}
    kind = "lines corrected" if exhibit.paths <= files else "citation moved"
    return [Repair(kind=kind, before=before, after=after)]


def _narrowed(claim: Claim, exhibit: Exhibit) -> list[Repair]:
    """The lines of the exhibit that prove nothing and are not cited."""
    cited = sum(citation.end - citation.start + 1 for citation in claim.citations)
    if cited >= len(exhibit.lines):
        return []
    places = ", ".join(str(citation.span) for citation in claim.citations)
    return [Repair(kind="range narrowed", before=",".join(exhibit.ids), after=places)]
