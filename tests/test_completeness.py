"""What an answer leaves out is a fault that names it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.completeness import absent_parts, missing, placed
from agent.compose import compose
from agent.errors import PackError
from agent.findings import Findings
from agent.stages import Question, load_pack
from agent.state import Claim
from retrieval.census.language import KINDS
from retrieval.codebase import Codebase, read_codebase
from retrieval.facts import CensusHit
from retrieval.walk import take_snapshot

SOURCE = """import torch


class Net:
    def load(self, path):
        self.state = torch.load(path)
        return self.state


def main():
    Net().load("w.pt")
    torch.load("more.pt")
"""
QUESTION = Question.model_validate(
    {
        "id": "1.1",
        "text": "Where are they loaded, saved, and freed?",
        "parts": {"loaded": "loads", "saved": "saves", "freed": ["frees", "collections"]},
        "facts": [
            {"label": "loads", "census": "calls: torch.load"},
            {"label": "saves", "census": "calls: torch.save", "none": "Nothing is saved ({searched} files searched)."},
            {"label": "frees", "census": "calls: torch.cuda.empty_cache"},
            {"label": "collections", "census": "calls: gc.collect"},
        ],
    }
)


@pytest.fixture
def codebase(tmp_path: Path) -> Codebase:
    (tmp_path / "net.py").write_text(SOURCE)
    return read_codebase(take_snapshot(tmp_path))


def kinds(claims: list[Claim], codebase: Codebase, question: Question = QUESTION) -> dict[str, str]:
    faults = missing(question, Findings(codebase).of(question), claims, codebase)
    return {fault.kind: fault.message for fault in faults}


def test_a_part_without_hits_is_answered_with_the_files_searched(codebase: Codebase) -> None:
    findings = Findings(codebase).of(QUESTION)
    assert [part for part, _ in absent_parts(QUESTION, findings)] == ["freed"]
    claims = compose(QUESTION, findings, codebase.snapshot)
    assert [c.text for c in claims if c.searched] == [
        "Nothing is saved (1 files searched).",
        "Freed: nothing found in 1 files searched (frees, collections).",
    ]
    assert kinds(list(placed(claims, codebase)), codebase) == {}


def test_each_thing_left_out_is_named(codebase: Codebase) -> None:
    claims = list(placed(compose(QUESTION, Findings(codebase).of(QUESTION), codebase.snapshot), codebase))
    cited = [claim for claim in claims if claim.citations]
    faults = missing(QUESTION, Findings(codebase).of(QUESTION), cited, codebase)
    assert [fault.message for fault in faults] == ["nothing is said of saved", "nothing is said of freed"]
    half = [c.model_copy(update={"citations": c.citations[:1]}) for c in claims if "torch.load(path)" not in c.text]
    assert kinds(half[:1], codebase)["unlisted"].startswith("1 of 2 places are not listed: loads")
    bare = [
        c.model_copy(update={"citations": tuple(x.model_copy(update={"symbol": ""}) for x in c.citations)})
        for c in claims
    ]
    assert "net.py:12" in kinds(bare, codebase)["unplaced"]


def test_places_are_given_with_the_definition_around_them(codebase: Codebase) -> None:
    claims = placed(compose(QUESTION, Findings(codebase).of(QUESTION), codebase.snapshot), codebase)
    assert {c.symbol for claim in claims for c in claim.citations} == {"Net.load", "main"}


def test_a_part_is_answered_by_a_sentence_that_has_no_place(codebase: Codebase) -> None:
    facts = [{"label": "side by side", "census": "concurrent_models", "layout": "sentences"}]
    question = Question.model_validate(
        {"id": "1.1", "text": "?", "parts": {"together": "side by side"}, "facts": facts}
    )
    claims = compose(question, Findings(codebase).of(question), codebase.snapshot)
    assert [(claim.citations, bool(claim.searched)) for claim in claims] == [((), True)]
    assert kinds(list(claims), codebase, question) == {}
    assert kinds([], codebase, question) == {"part": "nothing is said of together"}


def test_what_the_census_cannot_read_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("start();\n")
    codebase = read_codebase(take_snapshot(tmp_path))
    facts = [{"label": "streams", "census": "yields: what=stream"}]
    question = Question.model_validate({"id": "1.1", "text": "?", "parts": {"streamed": "streams"}, "facts": facts})
    claims = compose(question, Findings(codebase).of(question), codebase.snapshot)
    assert "javascript (1 file)" in kinds(claims, codebase, question)["part_unread"].lower()


def test_a_kind_that_fails_costs_its_fact_and_nothing_else(codebase: Codebase, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_codebase: Codebase, _query: object) -> Iterator[CensusHit]:
        yield from [][0]

    monkeypatch.setitem(KINDS, "frees", replace(KINDS["calls"], name="frees", search=fails))
    facts = [{"label": "loads", "census": "calls: torch.load"}, {"label": "frees", "census": "frees: x"}]
    parts = {"loaded": "loads", "freed": "frees"}
    question = Question.model_validate({"id": "1.1", "text": "?", "parts": parts, "facts": facts})
    told: list[str] = []
    findings = Findings(codebase, told.append).of(question)
    claims = compose(question, findings, codebase.snapshot)
    assert [claim.text for claim in claims if not claim.citations] == [
        "Not determined: frees - the census failed at `frees: x` (IndexError in test_completeness.py:"
        f"{fails.__code__.co_firstlineno + 1}), a fault of this program."
    ]
    assert sum(len(claim.citations) for claim in claims) > 1
    assert [line.endswith("list index out of range") for line in told] == [True]
    assert list(kinds(list(placed(claims, codebase)), codebase, question)) == ["part_unread"]


def test_a_part_names_facts_of_its_question(tmp_path: Path) -> None:
    pack = tmp_path / "pack.yaml"
    pack.write_text(
        'version: 1\ntitle: T\nstages:\n  - {number: 1, title: A, questions: [{id: "1.1", text: Q, '
        "parts: {loaded: lods}, facts: [{label: loads, census: calls}]}]}\n"
    )
    with pytest.raises(PackError, match=r"question 1\.1.*part 'loaded' names the fact 'lods'"):
        load_pack(pack)


def test_a_no_denies_every_part_and_a_yes_only_what_it_lists(codebase: Codebase) -> None:
    verdict = {"positive": "Yes: {found}.", "negative": "No: neither in {searched} files."}
    facts = [{"label": "saves", "census": "calls: torch.save"}, {"label": "frees", "census": "calls: gc.collect"}]
    parts = {"saved": "saves", "freed": "frees"}
    no = Question.model_validate({"id": "1.1", "text": "?", "parts": parts, "facts": facts, "verdict": verdict})
    claims = compose(no, Findings(codebase).of(no), codebase.snapshot)
    assert [claim.text for claim in claims] == ["No: neither in 1 files."]
    assert kinds(list(claims), codebase, no) == {}
    facts[0]["census"] = "calls: torch.load"
    yes = Question.model_validate({"id": "1.1", "text": "?", "parts": parts, "facts": facts, "verdict": verdict})
    claims = compose(yes, Findings(codebase).of(yes), codebase.snapshot)
    assert claims[-1].text == "Freed: nothing found in 1 files searched (frees)."
    assert kinds(list(placed(claims, codebase)), codebase, yes) == {}


def test_a_rest_of_a_few_is_written_out(tmp_path: Path) -> None:
    body = "".join(f"torch.load({n})\n" for n in range(20))
    (tmp_path / "a.py").write_text(f"import torch\n{body}")
    codebase = read_codebase(take_snapshot(tmp_path))
    for show, lines in ((16, 20), (12, 12)):
        fact = {"label": "loads", "census": "calls: torch.load", "show": show, "found": "L:"}
        question = Question.model_validate({"id": "1.1", "text": "?", "facts": [fact]})
        claims = compose(question, Findings(codebase).of(question), codebase.snapshot)
        assert len([claim for claim in claims if claim.text.startswith("`torch.load(")]) == lines
        assert [claim.text for claim in claims if "more" in claim.text] == ([] if lines == 20 else ["8 more:"])
