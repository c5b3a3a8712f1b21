"""Whatever a model writes, an accepted claim is bound to bytes that were shown."""

import hashlib
import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.claims import parse_claims
from agent.lint import load_lint
from agent.state import Claim
from agent.testing import ScriptedChat, hostile_chat, hostile_line
from agent.words import alike, figure, numbers_of, read_sentence, stem
from retrieval.census import run_query
from retrieval.codebase import read_codebase
from tests.courtroom import ENGINE, PATH, SHOWN, SNAPSHOT, VOCABULARY, hear
from tests.test_verify import FALSE, TRUE

PROMPT = "\n\n".join(
    f"[{item.id}] {item.title}\n" + "\n".join(SNAPSHOT.excerpt(span) for span in item.span_list())
    for item in SHOWN.values()
)


def bound(claim: Claim) -> None:
    """Every citation lies in evidence that was shown, and hashes to the file's own bytes."""
    assert claim.citations
    for name in claim.evidence:
        assert name in SHOWN
    shown = [span for name in claim.evidence for span in SHOWN[name].span_list()]
    for citation in claim.citations:
        file = SNAPSHOT.by_path[citation.path]
        assert 1 <= citation.start <= citation.end <= len(file.lines)
        assert citation.sha256 == file.lines_sha256(citation.start, citation.end)
        assert any(span.covers(citation.span) for span in shown)


def clean(text: str) -> None:
    assert re.fullmatch(r"[^\x00-\x1f\x7f<>]{20,340}", text)
    assert text.endswith(".")


def test_hostile_lines_are_refused_unless_they_happen_to_be_true() -> None:
    source = random.Random(7)
    passed = []
    for _ in range(600):
        for draft in parse_claims(hostile_line(PROMPT, source)):
            claim = hear(draft.text, *draft.evidence).claim
            if claim:
                bound(claim)
                clean(claim.text)
                passed.append(claim.text)
    assert len(passed) <= 3
    assert all(re.fullmatch(r"`load_captioner` calls `\w+`\.", text) for text in passed), passed


CODEBASE = read_codebase(SNAPSHOT)
LINES = st.integers(0, len(ENGINE.split("\n")) + 40)
PLAIN = {"the", "of", "and", "calls", "returns", "if"}
WORDS = sorted(VOCABULARY | PLAIN | set(re.findall(r"[A-Za-z_]\w+|\d+", ENGINE)))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=3, max_size=14),
    st.lists(st.sampled_from([*SHOWN, "E99"]), max_size=3),
    st.booleans(),
)
def test_an_accepted_claim_is_bound_whatever_the_words(words: list[str], ids: list[str], ticks: bool) -> None:
    text = " ".join(f"`{word}`" if ticks and word in VOCABULARY else word for word in words)
    verdict = hear(text[:1].upper() + text[1:] + ".", *ids)
    assert verdict.accepted != bool(verdict.faults)
    if verdict.claim:
        bound(verdict.claim)
        clean(verdict.claim.text)


_SINGLY = {"no_citation", "missing_file", "out_of_range", "too_wide", "restates", "repeats", "presumed"}
TRUTHS = [text for text, _ in TRUE]
PLACES = st.builds("{}:{}-{}".format, st.sampled_from([PATH, "engine.py", "README.md", "../x.py"]), LINES, LINES)
CITED = st.lists(st.one_of(st.sampled_from([*SHOWN, "E99", "E0"]), PLACES), max_size=4)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TRUTHS),
    CITED,
    st.sampled_from(["", " and `device`", ", ensuring speed", " (E3)", " in `engin.py`"]),
)
def test_a_citation_that_is_accepted_names_a_file_lines_inside_it_and_their_bytes(
    text: str, cited: list[str], tail: str
) -> None:
    verdict = hear(f"{text[:-1]}{tail}.", *cited, census=lambda query: run_query(CODEBASE, query))
    assert verdict.accepted != bool(verdict.faults)
    if verdict.claim:
        bound(verdict.claim)
        quoted = [SNAPSHOT.excerpt(citation.span).encode() for citation in verdict.claim.citations]
        assert [hashlib.sha256(quote).hexdigest() for quote in quoted] == [c.sha256 for c in verdict.claim.citations]
    else:
        assert not any(repair.accepted for repair in verdict.repairs)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.lists(st.sampled_from([*SHOWN, "E99", ""]), max_size=4))
def test_judging_never_raises_and_always_says_why(text: str, ids: list[str]) -> None:
    verdict = hear(text, *ids)
    assert verdict.accepted != bool(verdict.faults)
    assert all("\n" not in fault.message for fault in verdict.faults)


def test_every_kind_of_fault_of_a_sentence_is_shown_by_a_case() -> None:
    told_elsewhere = {"part", "part_unread", "unlisted", "unplaced", "judge", "contradicts", "census"}
    shown = {kind for _, _, kind in FALSE} | _SINGLY
    assert set(load_lint().data.faults) - told_elsewhere - shown == set()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 10**7))
def test_another_figure_is_another_claim(number: int) -> None:
    accepted = hear(f"The constant `SAMPLE_RATE` is {number}.", "E6").accepted
    assert accepted == (number == 22_050)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(VOCABULARY)), st.from_regex(r"[a-z]{2,6}_[a-z]{2,6}", fullmatch=True))
def test_a_renamed_identifier_is_never_accepted(name: str, other: str) -> None:
    if not re.search(rf"\b{other}\b", ENGINE):
        assert not hear(f"`{other}` calls `{name}` with `device` and `pixels`.", "E1", "E2", "E3").accepted


@given(st.text(max_size=200))
def test_a_sentence_is_taken_apart_without_loss(text: str) -> None:
    sentence = read_sentence(text)
    assert len(sentence.prose) == len(sentence.text)
    assert all(figure(number) >= 0 for number in numbers_of(text))
    assert all(text[term.at : term.end] for term in sentence.terms)


def test_stems_bring_forms_of_one_word_together() -> None:
    for one, other in (("loading", "loads"), ("normalizes", "normalisation"), ("padded", "pad"), ("used", "uses")):
        assert alike(stem(one), stem(other))
    for one, other in (("model", "mode"), ("train", "trace"), ("cat", "catch"), ("encode", "decode")):
        assert not alike(stem(one), stem(other))


def test_every_fault_is_worded_for_the_model() -> None:
    lint = load_lint()
    for kind in lint.data.faults:
        assert lint.fault(kind, "`x`", "E1").message


def test_doubles_answer_like_a_model() -> None:
    chat = ScriptedChat(answers=["first", "last"])
    replies = chat.batch(["a", "b", "c"], config=[{"metadata": {"question": q}} for q in ("1.1", "1.2", "1.3")])
    assert [reply.content for reply in replies] == ["first", "last", "last"]
    assert [call["question"] for call in chat.calls] == ["1.1", "1.2", "1.3"]
    assert replies[0].response_metadata["generated"] == chat.count_tokens("first")
    hostile = [hostile_chat(3).batch([PROMPT])[0].content for _ in range(2)]
    assert hostile[0] == hostile[1]
