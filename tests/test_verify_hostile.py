"""Whatever a model writes, an accepted claim is bound to bytes that were shown."""

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.claims import parse_claims
from agent.lint import load_lint
from agent.state import Claim
from agent.testing import ScriptedChat, hostile_chat, hostile_line
from agent.words import alike, figure, numbers_of, read_sentence, stem
from tests.courtroom import ENGINE, SHOWN, SNAPSHOT, VOCABULARY, hear

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
    allowed = re.compile(r"`\w+` is defined in `[\w./]+` and it calls `\w+`\.|.*\bset to\b.*")
    assert len(passed) <= 3
    assert all(allowed.fullmatch(text) for text in passed)


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


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.lists(st.sampled_from([*SHOWN, "E99", ""]), max_size=4))
def test_judging_never_raises_and_always_says_why(text: str, ids: list[str]) -> None:
    verdict = hear(text, *ids)
    assert verdict.accepted != bool(verdict.faults)
    assert all("\n" not in fault.message for fault in verdict.faults)


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
