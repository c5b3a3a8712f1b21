"""The judge may lower a verdict, never raise one, and is loaded when the writer has gone."""

from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
from langchain_core.messages import BaseMessage

from agent.assets import prompts_folder
from agent.audit import AuditOptions, run_audit
from agent.chat import GgufChat
from agent.errors import MachineError, UserError
from agent.judge import OPINIONS, let_go, opinions, review
from agent.ladder import LoadPlan
from agent.prompts import Prompts
from agent.report.coverage import Answers
from agent.stages import Stage
from agent.state import Answer, Citation, Claim
from agent.testing import ScriptedChat
from retrieval.embed import HashEmbedder
from tests.courtroom import PATH, SNAPSHOT, line
from tests.small_model import small_model

PROMPTS = Prompts(prompts_folder())
STAGE = Stage.model_validate({"number": 1, "title": "ONE", "questions": [{"id": "1.1", "text": "?"}]})


class Opinionated:
    """A judge that likes the first of its words, and holds a word of its own against every sentence that has it."""

    def __init__(self, hated: str = "", shrugged: str = "") -> None:
        self.hated, self.shrugged = hated, shrugged
        self.prompts: list[str] = []

    def score(self, prompts: Sequence[Sequence[BaseMessage]], words: Sequence[str]) -> list[list[float]]:
        assert tuple(words) == OPINIONS
        self.prompts += [str(prompt[-1].content) for prompt in prompts]
        return [self._row(str(prompt[-1].content)) for prompt in prompts]

    def _row(self, prompt: str) -> list[float]:
        sentence = prompt.split("Sentence: ")[1].split("\n")[0]
        hates = bool(self.hated) and self.hated in sentence
        shrugs = bool(self.shrugged) and self.shrugged in sentence
        return [9.0 + (not hates and not shrugs), 1.0 + 3 * hates, 2.0 + 3 * shrugs]


def claim(text: str, origin: str = "model") -> Claim:
    start = line("def caption")
    digest = SNAPSHOT.by_path[PATH].lines_sha256(start, start + 1)
    cited = (Citation(path=PATH, start=start, end=start + 1, sha256=digest),)
    return Claim(text=text, citations=cited, origin=origin)  # type: ignore[arg-type]


def answered(*claims: Claim, status: str = "verified") -> Answers:
    answer = Answer(question_id="1.1", question="?", status=status, claims=claims)  # type: ignore[arg-type]
    return ((STAGE, (answer,)),)


def judged(answers: Answers, judge: Opinionated) -> Answer:
    ((_, (answer,)),), _ = review(answers, judge, SNAPSHOT, PROMPTS)
    return answer


def test_a_liking_for_a_word_decides_nothing() -> None:
    judge = Opinionated(hated="false", shrugged="vague")
    pairs = [("`f` is true.", "1 f"), ("`f` is false.", "1 f"), ("`f` is vague.", "1 f")]
    assert opinions(judge, pairs, PROMPTS) == ["supports", "contradicts", "unknown"]
    assert opinions(judge, [], PROMPTS) == []


def test_what_it_contradicts_is_refused_and_kept_for_the_record() -> None:
    good, bad = claim("`caption` is true."), claim("`caption` is false.")
    judge = Opinionated(hated="false")
    answer = judged(answered(good, bad), judge)
    assert answer.claims == (good,)
    assert answer.status == "verified"
    assert [(r.text, r.faults[0].kind) for r in answer.rejected] == [(bad.text, "judge")]
    assert f"{line('def caption')} def caption" in judge.prompts[-1]


@pytest.mark.parametrize(
    ("claims", "status", "lowered"),
    [
        ((claim("The facts.", "census"), claim("`caption` is false.")), "verified", "extractive"),
        ((claim("`caption` is false."),), "verified", "unresolved"),
        ((claim("The facts are false.", "census"),), "verified", "verified"),
        ((claim("The facts.", "census"), claim("`caption` is vague.")), "verified", "verified"),
        ((claim("The facts.", "census"), claim("`caption` is true.")), "extractive", "extractive"),
        ((), "unresolved", "unresolved"),
    ],
)
def test_a_verdict_is_lowered_or_stays(claims: tuple[Claim, ...], status: str, lowered: str) -> None:
    answer = judged(answered(*claims, status=status), Opinionated(hated="false", shrugged="vague"))
    assert answer.status == lowered
    assert set(answer.claims) <= set(claims)


def test_a_missing_judge_is_said_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such-judge"):
        run_audit(AuditOptions(repo=tmp_path, out=tmp_path / "out", model="none", judge="no-such-judge"))


@pytest.mark.model
def test_the_writer_is_gone_before_the_judge_comes() -> None:
    chat = GgufChat(small_model(), LoadPlan(context=1024))
    both = chat.score([_asked("a dog"), _asked("a cat")], ["yes", "no"])
    turned = chat.score([_asked("a cat"), _asked("a dog")], ["yes", "no"])
    alone = chat.score([_asked("a dog")], ["yes", "no"])
    assert [len(row) for row in both] == [2, 2]
    assert turned == both[::-1], "a score does not depend on the order"
    assert alone[0] == pytest.approx(both[0], abs=0.5), "one call of two rows adds up in another order than one of one"
    pid = chat.pid
    assert pid and psutil.pid_exists(pid)
    let_go(chat)
    assert chat.pid is None
    assert not psutil.pid_exists(pid)


def _asked(thing: str) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage

    return [HumanMessage(f"Answer with yes or no. Is {thing} an animal? " * 8)]


def test_a_writer_that_stays_is_an_error() -> None:
    class Clinging:
        pid = 7

        def close(self) -> None:
            """Does not."""

    with pytest.raises(MachineError, match="process 7 did not end"):
        let_go(Clinging())
    let_go(None)


@pytest.mark.model
def test_a_run_with_a_judge_counts_its_loads_and_opinions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "run.py").write_text('def main():\n    return load("w.pt")\n\n\nif __name__ == "__main__":\n    main()\n')
    spec = small_model()
    options = AuditOptions(repo=repo, out=tmp_path / "out", only=("4.1",), judge=spec.alias)
    chat = ScriptedChat(answers=["E1: `main` returns the result of `load`."])
    report = run_audit(options, model=chat, embedder=HashEmbedder()).report
    told = [c for a in report.every_answer() for c in a.claims if c.origin == "model"]
    refused = [r for a in report.every_answer() for r in a.rejected if r.faults[0].kind == "judge"]
    assert len(told) + len(refused) == 1
    assert report.run.judge == spec.alias
    assert report.usage["model_loads"] == 1
    assert sum(report.usage[f"judge_{opinion}"] for opinion in OPINIONS) == 1
