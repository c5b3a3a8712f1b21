"""The same thing asserted differently in two answers is a fault, or is reported."""

from pathlib import Path

import pytest

from agent.contradictions import Assertion, contradictions, of_claim, of_findings, refuted
from agent.findings import Findings
from agent.lint import load_lint
from agent.stages import Question
from agent.state import Citation, Claim
from retrieval.codebase import read_codebase
from retrieval.walk import take_snapshot
from tests.courtroom import hear

LINT = load_lint()


def claim(text: str, path: str = "a.py", origin: str = "model") -> Claim:
    cited = (Citation(path=path, start=1, end=2, sha256="0" * 64),)
    return Claim(text=text, citations=cited, origin=origin)  # type: ignore[arg-type]


def known(*texts: str, path: str = "a.py", origin: str = "model") -> list[Assertion]:
    return [a for text in texts for a in of_claim("1.1", claim(text, path, origin), LINT)]


OPPOSED = [
    ("`Net` is a class of layers.", "`Net` is a function of layers."),
    ("`SIZE` is 5.", "`SIZE` is set to 6."),
    ("`width` defaults to 512.", "The default of `width` is 256."),
    ("`device` defaults to `cuda`.", "The default value of `device` is `cpu`."),
    ("It needs `torch==2.1.0`.", "The code was written for `torch==2.3.0`."),
]


@pytest.mark.parametrize(("first", "second"), OPPOSED)
def test_what_is_said_otherwise_of_one_thing_is_refused(first: str, second: str) -> None:
    fault = refuted(claim(second), known(first), LINT)
    assert fault is not None
    assert fault.kind == "contradicts"
    assert "1.1" in fault.message
    assert refuted(claim(first), known(first), LINT) is None
    (found,) = contradictions([*known(first), *known(second)])
    assert {side.said for side in found.statements} == {first, second}


@pytest.mark.parametrize(("first", "second"), OPPOSED[:4])
def test_a_namesake_in_another_file_is_another_thing(first: str, second: str) -> None:
    assert refuted(claim(second, "b.py"), known(first), LINT) is None
    assert not contradictions([*known(first), *known(second, path="b.py")])


@pytest.mark.parametrize("text", ["`shape[0] == 5` is asserted.", "`f` calls `g`.", "`x` is 5 lines long.", "It is 5."])
def test_sentences_that_assert_nothing_comparable(text: str) -> None:
    assert not refuted(claim(text), known("`SIZE` is 5.", "It needs `torch==2.1.0`."), LINT)


@pytest.fixture
def counted(tmp_path: Path) -> list[Assertion]:
    (tmp_path / "a.py").write_text("import gc\n\ngc.collect()\ngc.collect()\n")
    findings = Findings(read_codebase(take_snapshot(tmp_path)))
    facts = (
        ("1.1", "collections (by name)", "calls: gc.collect, threading.Thread, *.empty_cache"),
        ("2.1", "collections", "calls: gc.*"),
        ("2.2", "collections", "calls: gc.freeze"),
        ("3.1", "threads", "calls: threading.Thread, *.empty_cache"),
    )
    questions = [
        Question.model_validate({"id": key, "text": "?", "facts": [{"label": label, "census": query}]})
        for key, label, query in facts
    ]
    return [a for question in questions for a in of_findings(question, findings.of(question))]


def test_one_name_counted_differently_is_reported(counted: list[Assertion]) -> None:
    (found,) = contradictions(counted)
    assert found.what == "count"
    assert [(side.value, side.questions) for side in found.statements] == [("2", ("1.1", "2.1")), ("0", ("2.2",))]


def test_the_census_is_stronger_than_a_sentence(counted: list[Assertion]) -> None:
    for text in ("`main` calls `threading.Thread`.", "`main` calls `torch.cuda.empty_cache`."):
        fault = refuted(claim(text), counted, LINT)
        assert fault is not None and "threads: not found in 1 files" in fault.message
    assert refuted(claim("`main` calls `gc.collect`."), counted, LINT) is None


def test_the_verifier_lowers_a_verdict_that_contradicts_an_answer() -> None:
    text = "The constant `SAMPLE_RATE` is 22050."
    assert hear(text, "E6").accepted
    earlier = known("`SAMPLE_RATE` is 16000.", path="captioner/engine.py")
    verdict = hear(text, "E6", known=earlier)
    assert [fault.kind for fault in verdict.faults] == ["contradicts"]
    assert not any(repair.accepted for repair in verdict.repairs)
