"""The whole audit with a scripted model: every stage, refusal and retry, interruption at any point, changed input."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.audit import AuditOptions, run_audit
from agent.errors import UserError
from agent.events import Event, Note, StageFinished, StageStarted
from agent.testing import ScriptedChat, hostile_chat
from retrieval.embed import HashEmbedder

ROOT = Path(__file__).resolve().parent.parent

LOADER = '''"""Loads the classifier."""
import torch


class Classifier(torch.nn.Module):
    """Scores images."""

    def forward(self, image):
        return image.mean()


def load_model(path, device="cpu"):
    """Read the weights at `path`."""
    model = Classifier()
    model.load_state_dict(torch.load(path, map_location=device))
    return model.to(device)
'''
MAIN = """import argparse

from shop.loader import load_model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="w.pt", help="weights to load")
    args = parser.parse_args()
    model = load_model(args.weights)
    print(model)


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    repo = tmp_path / "shop-repo"
    (repo / "shop").mkdir(parents=True)
    (repo / "README.md").write_text("# Shop\n\nShop scores product images on the command line.\n")
    (repo / "shop" / "__init__.py").write_text("")
    (repo / "shop" / "loader.py").write_text(LOADER)
    (repo / "shop" / "main.py").write_text(MAIN)
    (repo / "requirements.txt").write_text("torch==2.1.0\ntimm\n")
    return repo


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    yield


def describing(messages: list, metadata: object) -> str:
    """A model that says something true of the first code it is shown."""
    prompt = str(messages[-1].content)
    shown = re.search(r"^\[(E\d+)\] (\S+) `([\w.]+)`$", prompt, re.MULTILINE)
    if shown is None:
        return "E1: Nothing."
    return f"{shown[1]}: `{shown[3].split('.')[-1]}` is defined in `{shown[2]}`."


def audit(repo: Path, out: Path, chat: ScriptedChat | None = None, **options: object):
    events: list[Event] = []
    result = run_audit(
        AuditOptions(repo=repo, out=out, **options),  # type: ignore[arg-type]
        events.append,
        model=chat or ScriptedChat(answers=describing),
        embedder=HashEmbedder(),
    )
    return result, events


def answers_of(out: Path) -> dict[str, dict]:
    document = json.loads((out / "answers.json").read_text())
    return {q["id"]: q for stage in document["stages"] for q in stage["questions"]}


def test_every_question_is_answered_and_every_citation_resolves(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result, events = audit(shop, out)
    assert len(answers_of(out)) == 55
    finished = [e.stage_id for e in events if isinstance(e, StageFinished)]
    assert finished == [f"s{n:02d}" for n in range(1, 18)]
    assert result.exit_code in (0, 1)
    check = [sys.executable, str(ROOT / "bench" / "check_answers.py"), str(out), str(shop)]
    checked = subprocess.run(check, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_census_alone_gives_the_facts(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_audit(AuditOptions(repo=shop, out=out, model="none", only=("2.2", "11.3", "10.1")))
    answers = answers_of(out)
    loaded = [c for c in answers["2.2"]["claims"] if "torch.load" in c["text"]]
    assert {(c["path"], c["start"]) for claim in loaded for c in claim["citations"]} >= {("shop/loader.py", 15)}
    assert answers["11.3"]["claims"][0]["text"].startswith("No.")
    assert any("torch==2.1.0" in claim["text"] for claim in answers["10.1"]["claims"])


def test_a_refused_draft_is_asked_again_with_its_faults(shop: Path, tmp_path: Path) -> None:
    prompts: list[str] = []

    def stubborn(messages: list, metadata: object) -> str:
        prompts.append(str(messages[-1].content))
        return "E1: It may possibly use `imaginary_name` somewhere."

    out = tmp_path / "out"
    _, events = audit(shop, out, ScriptedChat(answers=stubborn), only=("4.1",))
    assert [e.attempt for e in events if isinstance(e, StageStarted)] == [1, 2]
    assert "refused" not in prompts[0]
    assert "refused" in prompts[1]
    answer = answers_of(out)["4.1"]
    assert answer["status"] == "extractive"
    assert answer["rejected"]
    assert all("imaginary_name" not in claim["text"] for claim in answer["claims"])


PACK_WITH_AN_OPEN_QUESTION = """
version: 1
title: Three stages
stages:
  - {number: 1, title: FACTS, questions: [{id: "1.1", text: "Is gc used?", claims: 1, verdict: {},
      search: [load], facts: [{label: loads, census: "calls: torch.load"}]}]}
  - {number: 2, title: NO FACTS, questions: [{id: "2.1", text: "What is loaded?", claims: 1, search: [load]}]}
  - {number: 3, title: MORE, questions: [{id: "3.1", text: "Is gc used?", verdict: {}, claims: 0,
      facts: [{label: gc, census: "calls: gc.collect"}]}]}
"""


def test_strict_stops_at_the_first_question_that_stays_unresolved(shop: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack.yaml"
    pack.write_text(PACK_WITH_AN_OPEN_QUESTION)
    chat = ScriptedChat(answers=["E1: It may use `imaginary_name`."])
    for strict, seen in ((True, ["s01", "s02"]), (False, ["s01", "s02", "s03"])):
        result, events = audit(shop, tmp_path / "out", chat, stages=pack, strict=strict)
        finished = [e for e in events if isinstance(e, StageFinished)]
        assert [e.stage_id for e in finished] == seen
        assert [e.answers[0].status for e in finished[:2]] == ["extractive", "unresolved"]
        assert result.exit_code == 1


def test_a_lying_model_changes_neither_structure_nor_facts(shop: Path, tmp_path: Path) -> None:
    audit(shop, tmp_path / "lies", hostile_chat(7))
    text = (tmp_path / "lies" / "ANSWERS.md").read_text()
    assert len(re.findall(r"^# \d+ - ", text, re.MULTILINE)) == 17
    told = [c for a in answers_of(tmp_path / "lies").values() for c in a["claims"]]
    assert not any("\x1b" in claim["text"] or "<script" in claim["text"] for claim in told)


def test_two_runs_write_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    audit(shop, tmp_path / "one")
    audit(shop, tmp_path / "two")
    one, two = (tmp_path / name / "ANSWERS.md" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("dies_at", [1, 3, 7])
def test_an_interrupted_run_continues_and_ends_with_the_same_bytes(shop: Path, tmp_path: Path, dies_at: int) -> None:
    audit(shop, tmp_path / "whole")
    calls = 0

    def dying(messages: list, metadata: object) -> str:
        nonlocal calls
        calls += 1
        if calls == dies_at:
            raise KeyboardInterrupt
        return describing(messages, metadata)

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        audit(shop, out, ScriptedChat(answers=dying))
    _, events = audit(shop, out)
    assert any(isinstance(e, Note) and "continuing" in e.text for e in events)
    assert (out / "ANSWERS.md").read_bytes() == (tmp_path / "whole" / "ANSWERS.md").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, os.path.join(sys.argv[1], "tests"))
from agent.audit import AuditOptions, run_audit
from agent.testing import ScriptedChat
from retrieval.embed import HashEmbedder
from test_audit import describing
fatal = int(sys.argv[4])
seen = 0
def listen(event):
    global seen
    seen += type(event).__name__ in ("StageStarted", "StageFinished", "Judged")
    if seen == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
run_audit(AuditOptions(repo=Path(sys.argv[2]), out=Path(sys.argv[3])), listen,
          model=ScriptedChat(answers=describing), embedder=HashEmbedder())
"""


def test_a_killed_process_continues_where_it_was(shop: Path, tmp_path: Path) -> None:
    audit(shop, tmp_path / "whole")
    out = tmp_path / "out"
    for fatal in (2, 5, 14):
        command = [sys.executable, "-c", KILLED, str(ROOT), str(shop), str(out), str(fatal)]
        killed = subprocess.run(command, capture_output=True, check=False, env=os.environ.copy())
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    _, events = audit(shop, out)
    assert any(isinstance(e, Note) and "continuing" in e.text for e in events)
    assert len([e for e in events if isinstance(e, StageFinished)]) < 17
    assert (out / "ANSWERS.md").read_bytes() == (tmp_path / "whole" / "ANSWERS.md").read_bytes()


def test_a_changed_repository_is_noticed(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        audit(shop, out, ScriptedChat(answers=lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)))
    (shop / "shop" / "main.py").write_text(MAIN + "\n# changed\n")
    _, events = audit(shop, out)
    assert any(isinstance(e, Note) and "repository changed" in e.text for e in events)


def test_fresh_starts_over(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        audit(shop, out, ScriptedChat(answers=lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)))
    _, events = audit(shop, out, fresh=True)
    assert not any(isinstance(e, Note) for e in events)
    assert len([e for e in events if isinstance(e, StageFinished)]) == 17


def test_an_empty_repository_is_audited(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result, _ = audit(empty, tmp_path / "out")
    assert len(answers_of(tmp_path / "out")) == 55
    assert result.exit_code in (0, 1)


def test_a_repository_without_python_is_audited(tmp_path: Path) -> None:
    repo = tmp_path / "web"
    repo.mkdir()
    (repo / "package.json").write_text('{"name": "web", "dependencies": {"express": "^4.0.0"}}\n')
    (repo / "index.js").write_text("const app = require('express')();\napp.listen(8080);\n")
    result, _ = audit(repo, tmp_path / "out")
    assert len(answers_of(tmp_path / "out")) == 55
    assert result.exit_code in (0, 1)


def test_only_one_process_works_on_a_run(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def second(messages: list, metadata: object) -> str:
        with pytest.raises(UserError, match=f"already running .process {os.getpid()}"):
            audit(shop, out, only=("4.1",))
        return describing(messages, metadata)

    audit(shop, out, ScriptedChat(answers=second), only=("4.1",))
