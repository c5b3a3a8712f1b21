"""Free questions: how they are read, what answers them, what is said when nothing does, and no way round the gates."""

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from agent.ask import Inquirer
from agent.cli import main
from agent.inquiry import Inquiry, read_question
from agent.intents import load_intents
from agent.options import NO_MODEL, AuditOptions
from agent.testing import ScriptedChat, hostile_chat
from agent.vocabulary import Vocabulary
from retrieval.codebase import read_codebase
from retrieval.embed import HashEmbedder
from retrieval.walk import take_snapshot

MODEL = '''"""The scorer."""
import gc

import torch


class Base(torch.nn.Module):
    """What all scorers share."""


class BeamScorer(Base):
    """Scores candidates of a beam."""

    beam_size: int = 5

    def forward(self, image):
        if image is None:
            raise ValueError("no image")
        return image.mean()


def load_scorer(path, device="cpu"):
    """Read the weights at `path`."""
    scorer = BeamScorer()
    scorer.load_state_dict(torch.load(path, map_location=device))
    return scorer


def free():
    gc.collect()
    torch.cuda.empty_cache()
'''
MAIN = """import argparse

from shop.model import free, load_scorer


def install_cache_hooks(model):
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="w.pt", help="weights to load")
    args = parser.parse_args()
    try:
        print(load_scorer(args.weights))
    except OSError:
        print("no weights")
    free()


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = tmp_path / "shop-repo"
    (repo / "shop").mkdir(parents=True)
    (repo / "tests").mkdir()
    (repo / "README.md").write_text("# Shop\n\nShop scores product images. It likes `ViT-B-32` best.\n")
    (repo / "shop" / "__init__.py").write_text("")
    (repo / "shop" / "model.py").write_text(MODEL)
    (repo / "shop" / "main.py").write_text(MAIN)
    (repo / "tests" / "test_model.py").write_text("from shop.model import free\n\n\ndef test_free():\n    free()\n")
    (repo / "requirements.txt").write_text("torch==2.1.0\n")
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    return repo


def reading(repo: Path, question: str, before: str = "") -> Inquiry:
    snapshot = take_snapshot(repo)
    vocabulary = Vocabulary(read_codebase(snapshot))
    first = read_question(before, vocabulary, snapshot, load_intents()) if before else None
    return read_question(question, vocabulary, snapshot, load_intents(), first)


READ = [
    ("where is empty_cache called", "callers: empty_cache"),
    ("who calls load_scorer?", "callers: load_scorer"),
    ("Where are torch.cuda.empty_cache and gc.collect called", "callers: torch.cuda.empty_cache, gc.collect"),
    ("does main call load_scorer", "calls between: main, load_scorer"),
    ("is free called in main()?", "calls between: main, free"),
    ("what does load_scorer call", "callees: load_scorer"),
    ("is torch.load called with weights_only", "calls with: torch.load, weights_only"),
    ("is torch.load called with map_location", "calls with: torch.load, map_location"),
    ("which classes inherit from Base", "subclasses: Base"),
    ("what does BeamScorer inherit from", "bases: BeamScorer"),
    ("what does BeamScorer.forward raise", "raised: BeamScorer.forward"),
    ("where is ValueError raised", "where raised: ValueError"),
    ("where is OSError caught", "caught: OSError"),
    ("what does `load_scorer` return", "returns: load_scorer"),
    ("what are the arguments of load_scorer", "parameters: load_scorer"),
    ("which methods does BeamScorer have", "members: BeamScorer"),
    ("who imports torch", "imported: torch"),
    ("is load_scorer tested", "tested: load_scorer"),
    ("what is the default beam size", "value: beam_size"),
    ("what is the default of --weights", "value: weights"),
    ("where is the beam scorer defined", "defined: BeamScorer"),
    ("what does load_scorer do", "about: load_scorer"),
    ("is map_location used anywhere", "used: map_location"),
    ("load_scorer", "about: load_scorer"),
    ("where are the cache hooks installed", "named like it: install_cache_hooks"),
    ("is there any multiprocessing", "topic processes"),
    ("is anything cached", "topic caches"),
    ("does it need matplotlib", "open"),
    ("how are errors handled", "topic error handling"),
    ("which environment variables are read", "topic environment"),
    ("what is in shop/main.py", "place"),
    ("where is ViT-B-32 mentioned", "literal: ViT-B-32"),
    ("where is foo_bar called", "missing name"),
]


@pytest.mark.parametrize(("question", "expected"), READ, ids=[question for question, _ in READ])
def test_questions_are_read(shop: Path, question: str, expected: str) -> None:
    assert reading(shop, question).reading == expected


def test_the_table_has_a_question_for_every_relation() -> None:
    read = {expected.split(":")[0] for _, expected in READ}
    assert {relation.id for relation in load_intents().relations} - read <= {"decorated"}


def test_every_pattern_compiles_and_every_topic_can_be_reached() -> None:
    intents = load_intents()
    assert len({topic.id for topic in intents.topics}) == len(intents.topics) > 50
    for topic in (*intents.relations, *intents.topics):
        assert len(topic.patterns) == len(topic.when)


def test_a_pronoun_means_the_name_asked_about_before(shop: Path) -> None:
    assert reading(shop, "where is it defined", "who calls load_scorer").reading == "defined: load_scorer"
    assert reading(shop, "how do I run it", "who calls load_scorer").reading.startswith("topic entry points")


def test_a_path_narrows_the_question(shop: Path) -> None:
    facts = reading(shop, "where is free called in shop/main.py").facts
    assert facts[0].census == ("calls: '*.free', in=shop/main.py",)


def ask(repo: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["ask", "--repo", str(repo), "--model", "none", *arguments])
    return code, capsys.readouterr().out


def test_facts_come_with_their_places_and_what_was_searched(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask(shop, capsys, "where is empty_cache called?")
    assert code == 0
    assert out.split("\n")[:2] == [
        "Calls of `empty_cache` (1):",
        "  shop/model.py:31  `torch.cuda.empty_cache()` - in `free`",
    ]
    assert "searched 4 of 6 files for: calls: '*.empty_cache'" in out


def test_a_name_that_does_not_exist_is_said_to_be_absent(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask(shop, capsys, "where is load_score called")
    assert code == 0
    assert out.startswith("Not found in this codebase: `load_score` stands in none of the 6 files that were read")
    assert "Names like it: `load_scorer`" in out


def test_words_that_stand_nowhere_are_said_to_be_absent(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask(shop, capsys, "where is kafka configured")
    assert code == 0 and out.startswith("Not found in this codebase: `kafka` stands in none of the 6 files")


def test_no_is_said_with_the_number_of_files(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask(shop, capsys, "is there any multiprocessing?")
    assert code == 0 and out.startswith("No: not found in 4 files searched: `multiprocessing`, threads.")


def test_yes_is_only_said_of_what_the_question_says(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(shop, capsys, "is free called in main?")[1].startswith("Yes: calls of `free` in `main`")
    assert ask(shop, capsys, "does load_scorer use beam search?")[1].startswith("No: not found")


def test_a_question_that_nothing_answers_is_unresolved(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask(shop, capsys, "how are product images paired with likes")
    assert code == 1
    assert "No fact of the census answers this question.\nNearest code found by search" in out


def test_json_has_everything(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask(shop, capsys, "who calls free", "--json")
    reply = json.loads(out)
    assert (code, reply["schema"], reply["status"], reply["found"]) == (0, "ask/1", "verified", True)
    places = {(c["path"], c["start"]) for claim in reply["claims"] for c in claim["citations"]}
    assert places == {("shop/main.py", 18), ("tests/test_model.py", 5)}
    assert all(len(c["sha256"]) == 64 for claim in reply["claims"] for c in claim["citations"])
    [record] = reply["census"]
    assert record["query"] == "calls: '*.free'" and len(record["hits"]) == 2 and record["files_searched"] == 4


def test_lines_of_the_input_are_a_session(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("who calls free\n\nwhere is it defined\n"))
    code, out = ask(shop, capsys, "--json")
    first, second = (json.loads(line) for line in out.strip().split("\n"))
    assert (code, first["read_as"], second["read_as"]) == (0, "callers: free", "defined: free")


def test_mistakes_are_one_line(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--repo", str(tmp_path / "none"), "--model", "none", "x"]) == 2
    assert main(["ask", "--repo", str(shop), "--model", "gpt-9", "what does load_scorer do"]) == 2
    err = capsys.readouterr().err
    assert err.count("error: ") == 2 and "Traceback" not in err


def test_a_session_in_a_real_terminal(shop: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    command = ["-m", "agent", "ask", "--repo", str(shop), "--model", "none"]
    env = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(root), "PROMPT_TOOLKIT_NO_CPR": "1"}
    child = pexpect.spawn(sys.executable, command, cwd=shop.parent, env=env, dimensions=(24, 80), timeout=60)
    child.expect("ask>")
    child.sendline("who calls load_scorer")
    child.expect("Calls of `load_scorer` .1.:")
    child.expect("ask>")
    child.sendintr()
    child.expect("Ctrl-C again")
    child.expect("ask>")
    child.sendline("where is it defined")
    child.expect("Defined .1.:")
    child.expect("ask>")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_mistake_does_not_end_a_session(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("what does load_scorer do\nwho calls free\n"))
    assert main(["ask", "--repo", str(shop), "--model", "gpt-9"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("error: ") and "Calls of `free` (1):" in out


@pytest.fixture
def inquirer(shop: Path) -> Iterator[Inquirer]:
    options = AuditOptions(repo=shop)
    said = ["E1: `load_scorer` calls `torch.load` with `map_location=device`."]
    with Inquirer(options, lambda event: None, model=ScriptedChat(answers=said), embedder=HashEmbedder()) as opened:
        yield opened


def test_the_model_adds_a_cited_sentence_after_the_facts(inquirer: Inquirer) -> None:
    early: list[int] = []
    reply = inquirer.ask("what does load_scorer do", lambda first: early.append(len(first.answer.claims)))
    *facts, sentence = reply.answer.claims
    assert early == [len(facts)]
    assert sentence.origin == "model" and sentence.citations[0].path == "shop/model.py"
    assert reply.answer.status == "verified"


def test_the_model_is_not_asked_what_facts_settle(inquirer: Inquirer, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = inquirer.ask("who calls free", lambda first: pytest.fail("a model was asked"))
    assert {claim.origin for claim in reply.answer.claims} == {"census"}


@pytest.mark.parametrize("seed", range(4))
def test_a_lying_model_adds_nothing(shop: Path, seed: int) -> None:
    questions = ["what does load_scorer do", "how are images scored", "where is the beam scorer defined"]
    options = AuditOptions(repo=shop)
    with Inquirer(options, lambda event: None, model=hostile_chat(seed), embedder=HashEmbedder()) as opened:
        for question in questions:
            told = [c.text for c in opened.ask(question).answer.claims if c.origin == "model"]
            assert not any(word in " ".join(told) for word in ("launch", "quantum", "script>", "GPUs"))


def test_nothing_is_embedded_without_a_model(shop: Path, tmp_path: Path) -> None:
    with Inquirer(AuditOptions(repo=shop, model=NO_MODEL), lambda event: None) as opened:
        assert opened.ask("how are product images paired with likes").nearest
    assert not list((tmp_path / "cache").rglob("vectors.sqlite"))
