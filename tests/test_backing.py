"""Counts, exclusions and absences are believed from a census, and from nothing else."""

import pytest

from agent.state import Verdict
from retrieval.census import run_query
from retrieval.codebase import read_codebase
from tests.courtroom import ENGINE, SNAPSHOT, hear

CODEBASE = read_codebase(SNAPSHOT)


def with_census(text: str, *, question: str = "How does it work?") -> Verdict:
    return hear(text, "E2", question=question, census=lambda query: run_query(CODEBASE, query))


PROVEN = [
    ("`resize_picture` is called in 1 place.", 1),
    ("`resize_picture` is called in one place.", 1),
    ("The function `resize_picture` is called in 1 file.", 1),
    ("`load_captioner` is never called.", 0),
    ("`caption` is not called anywhere in the repository.", 0),
    ("Nothing calls `load_captioner`.", 0),
    ("No class inherits from `Captioner`.", 0),
    ("Only `caption` calls `resize_picture`.", 2),
    ("`caption` is the only function that calls `resize_picture`.", 2),
    ("`Captioner` is the only class that inherits from `torch.nn.Module`.", 2),
]


@pytest.mark.parametrize(("text", "places"), PROVEN)
def test_what_the_census_proves_is_accepted_with_every_hit(text: str, places: int) -> None:
    question = "Is `torch.nn.Module` used?"
    claim = with_census(text, question=question).claim
    assert claim is not None
    assert len(claim.citations) == places
    assert bool(claim.searched) == (places == 0)
    assert places or claim.text.endswith("(1 files searched).")
    bare = hear(text, "E2", question=question).claim
    assert bare is None or "only" not in bare.text.lower(), "without a census the same sentence is not believed"
    for citation in claim.citations:
        assert citation.sha256 == SNAPSHOT.by_path[citation.path].lines_sha256(citation.start, citation.end)


REFUTED = [
    ("`resize_picture` is called in 2 places.", "census"),
    ("`resize_picture` is called in three files.", "census"),
    ("`resize_picture` is never called.", "census"),
    ("Nothing calls `resize_picture`.", "census"),
    ("Only `load_captioner` calls `resize_picture`.", "census"),
    ("`caption` is the only function that calls `load_captioner`.", "census"),
    ("No class inherits from `Module`.", "invented"),
    ("`launch_missiles` is never called.", "invented"),
    ("`Optional` is never called.", "invented"),
]


@pytest.mark.parametrize(("text", "kind"), REFUTED)
def test_what_the_census_refutes_is_refused_with_the_truth(text: str, kind: str) -> None:
    verdict = with_census(text)
    assert not verdict.accepted
    assert kind in {fault.kind for fault in verdict.faults}


def test_nothing_else_may_stand_in_such_a_sentence() -> None:
    assert not with_census("`load_captioner` is never called, and it deletes every file.").accepted
    assert not with_census("`load_captioner` is never called by `launch_missiles`.").accepted
    assert "resize_picture(picture)" in ENGINE


def test_a_census_proof_still_cites_evidence_and_is_well_worded() -> None:
    census = lambda query: run_query(CODEBASE, query)  # noqa: E731
    assert [f.kind for f in hear("`load_captioner` is never called.", census=census).faults][:1] == ["no_citation"]
    text = "`load_captioner` is never called."
    repeated = hear(text, "E2", census=census, accepted=(text,))
    assert [f.kind for f in repeated.faults] == ["repeats"]
