"""Stepping: the same audit as `run`, what a person can change at a pause, and the conversation in a real terminal."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pexpect
import pyte
import pytest

from agent.actions import VERBS, Action, parse_action
from agent.audit import AuditOptions, run_audit
from agent.dialogue import Dialogue, Screen
from agent.errors import Paused
from agent.step import step_through
from agent.testing import ScriptedChat
from retrieval.embed import HashEmbedder

ROOT = Path(__file__).resolve().parents[1]
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
    print(load_model(args.weights))


if __name__ == "__main__":
    main()
"""
PACK = """version: 1
title: Three stages
defaults: {max_attempts: 1}
stages:
  - number: 1
    title: LOADING
    questions:
      - id: "1.1"
        text: How is the model loaded?
        search: [load the model weights]
        facts: [{label: weights, census: "calls: torch.load", found: "Weights are loaded ({count}):"}]
      - id: "1.2"
        text: How are the options read?
        search: [parse the arguments]
        facts: [{label: options, census: cli_options, found: "Options ({count}):"}]
  - number: 2
    title: SCORING
    questions:
      - id: "2.1"
        text: How are images scored?
        search: [score of an image]
        facts: [{label: classes, census: "defines: class *", found: "Classes ({count}):"}]
  - number: 3
    title: FACTS
    questions:
      - id: "3.1"
        text: What is imported?
        claims: 0
        facts: [{label: imports, census: imports, found: "Imports ({count}):"}]
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = tmp_path / "shop-repo"
    (repo / "shop").mkdir(parents=True)
    (repo / "README.md").write_text("# Shop\n\nShop scores product images on the command line.\n")
    (repo / "shop" / "__init__.py").write_text("")
    (repo / "shop" / "loader.py").write_text(LOADER)
    (repo / "shop" / "main.py").write_text(MAIN)
    (tmp_path / "pack.yaml").write_text(PACK)
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return repo


Prompts = list[tuple[str, str]]


def writer(prompts: Prompts) -> ScriptedChat:
    """A model that says something true of the first code it is shown; its prompts are kept by question."""

    def answer(messages: list, metadata: dict) -> str:
        prompt = str(messages[-1].content)
        prompts.append((metadata["question"], prompt))
        shown = re.search(r"^\[(E\d+)\] (\S+) `([\w.]+)`$", prompt, re.MULTILINE)
        return f"{shown[1]}: `{shown[3].split('.')[-1]}` is defined in `{shown[2]}`." if shown else "E1: Nothing."

    return ScriptedChat(answers=answer)


def options(shop: Path, name: str, attempts: int | None = None) -> AuditOptions:
    return AuditOptions(repo=shop, out=shop.parent / name, stages=shop.parent / "pack.yaml", max_attempts=attempts)


def run(shop: Path, name: str, model: ScriptedChat | None = None, attempts: int | None = None) -> Path:
    return run_audit(options(shop, name, attempts), model=model or writer([]), embedder=HashEmbedder()).out


def step(
    shop: Path,
    name: str,
    lines: Sequence[str],
    model: ScriptedChat | None = None,
    lend: Callable[[str, ExitStack], ScriptedChat] | None = None,
    attempts: int | None = None,
) -> tuple[Path, str]:
    """Step with these typed lines, then to the end of the input; returns the output folder and what was shown."""
    typed, shown = iter(lines), []

    def say(told: Iterable[tuple[str, str]]) -> None:
        shown.extend(text for _, text in told)

    person = Dialogue(Screen(say, lambda prompt, text: next(typed, None)))
    walk = partial(step_through, person=person, lend=lend or (lambda alias, stack: writer([])))
    chosen = options(shop, name, attempts)
    try:
        run_audit(chosen, model=model or writer([]), embedder=HashEmbedder(), walk=walk)
    except Paused:
        shown.append("PAUSED")
    assert chosen.out
    return chosen.out, "\n".join(shown)


def answers(out: Path) -> dict[str, dict]:
    document = json.loads((out / "answers.json").read_text())
    return {question["id"]: question for stage in document["stages"] for question in stage["questions"]}


def text(out: Path) -> str:
    return (out / "ANSWERS.md").read_text()


ACCEPT = [""] * 6


def test_accepting_everything_is_run(shop: Path) -> None:
    plain, stepped = run(shop, "run"), step(shop, "step", ACCEPT)[0]
    assert (plain / "ANSWERS.md").read_bytes() == (stepped / "ANSWERS.md").read_bytes()


def test_what_was_refused_is_shown_before_it_is_asked_again(shop: Path) -> None:
    stubborn = ScriptedChat(answers=["E1: It may possibly use `imaginary_name`."])
    out, shown = step(shop, "step", ["", "v", *ACCEPT, "", ""], stubborn, attempts=2)
    assert "attempt 2: what the verifier refused is asked again" in shown
    assert "1.1 refused: It may possibly use `imaginary_name`." in shown
    assert text(out) == text(run(shop, "run", stubborn, attempts=2))


@pytest.mark.parametrize("typed", range(6))
def test_run_continues_what_step_began_and_no_draft_is_written_twice(shop: Path, typed: int) -> None:
    whole: Prompts = []
    plain = run(shop, "run", writer(whole))
    prompts: Prompts = []
    out, shown = step(shop, "both", ACCEPT[:typed], writer(prompts))
    assert shown.endswith("PAUSED") and not (out / "ANSWERS.md").exists()
    run(shop, "both", writer(prompts))
    assert text(out) == text(plain) and sorted(prompts) == sorted(whole)


def test_step_continues_what_run_began(shop: Path) -> None:
    plain = run(shop, "run")

    def dying(messages: list, metadata: dict) -> str:
        if metadata["question"] == "2.1":
            raise KeyboardInterrupt
        return "E1: Nothing."

    with pytest.raises(KeyboardInterrupt):
        run(shop, "both", ScriptedChat(answers=dying))
    out, shown = step(shop, "both", ACCEPT)
    assert "stage 2 of 3" in shown and "stage 1 of 3" not in shown
    assert answers(out)["2.1"] == {**answers(plain)["2.1"], "seconds": answers(out)["2.1"]["seconds"]}


def test_a_pause_shows_questions_evidence_drafts_and_what_is_left(shop: Path) -> None:
    _, shown = step(shop, "step", ["e", "E1", "l", "h", "", "v"])
    assert "1.1   How is the model loaded?" in shown
    assert re.search(r"E1 +1\.1 +shop/loader\.py:\d+-\d+ `load_model` - weights", shown)
    assert "model.load_state_dict(torch.load(path, map_location=device))" in shown
    assert "0 of 3 stages answered; 3 stages with 4 questions left" in shown
    assert all(help_text in shown for _, help_text in VERBS.values())
    assert re.search(r"1\.1 +E1: `load_model` is defined in `shop/loader.py`|refused", shown)


def test_asking_again_takes_a_hint_and_leaves_the_others_alone(shop: Path) -> None:
    prompts: Prompts = []
    out, _ = step(shop, "step", ["", "r 1.1 look at the device", "", *ACCEPT], writer(prompts))
    assert [question for question, _ in prompts] == ["1.1", "1.2", "1.1", "2.1"]
    assert "look at the device" not in prompts[0][1] and "Mind this: look at the device" in prompts[2][1]
    assert text(out) == text(run(shop, "run"))


def test_evidence_is_dropped_and_added(shop: Path) -> None:
    prompts: Prompts = []
    lines = ["- E1", "+ 1.1 shop/main.py:6-10", "+ 1.2 calls: torch.load", "+ 1.1 score images", "1", *ACCEPT]
    _, shown = step(shop, "step", lines, writer(prompts))
    first, second = prompts[0][1], prompts[1][1]
    assert "def load_model" not in first.split("Question:")[0].split("shop/main.py")[0]
    assert "6 def main():" in first and "chosen by a person" in shown
    assert "torch.load" in second


def test_evidence_that_does_not_fit_or_does_not_exist_is_refused(shop: Path) -> None:
    lines = ["- E99", "+ 1.1 shop/main.py:90-99", "+ 1.1 nowhere.py:1", "+ 3.1 shop/main.py:1", "+ 1.1 callz: x", "x"]
    _, shown = step(shop, "step", lines)
    assert shown.count("error: ") == 6
    assert "'E99' is no evidence of this stage" in shown and "did you mean calls" in shown


def test_a_stated_sentence_goes_through_the_verifier(shop: Path) -> None:
    stated = "`load_model` calls `torch.load` with `map_location=device`."
    lines = ["", "w 1.2", f"+ {stated}", "shop/loader.py:12-16", "", *ACCEPT]
    out, shown = step(shop, "step", lines)
    answer = answers(out)["1.2"]
    assert answer["status"] == "edited" and "the verifier accepts it" in shown
    [claim] = [claim for claim in answer["claims"] if claim["origin"] == "person"]
    assert claim["text"] == stated and claim["citations"][0]["path"] == "shop/loader.py"
    assert re.search(
        re.escape(stated[:-1]) + r" \(`shop/loader\.py:\d+(-\d+)?`.*\)\. \(Stated by a person\.\)", text(out)
    )


def test_an_override_is_marked_as_such(shop: Path) -> None:
    stated = "`load_model` calls `urlopen` for every image."
    lines = ["", "w 1.2", f"+ {stated}", "shop/loader.py:12-16", "keep", "", *ACCEPT]
    out, shown = step(shop, "step", lines)
    [claim] = [claim for claim in answers(out)["1.2"]["claims"] if claim["origin"] == "person"]
    assert "refused: " in shown and claim["faults"]
    assert "(Stated by a person against the verifier: " in text(out)
    assert "against the verifier" in (out / "report.html").read_text()


def test_a_statement_is_taken_out_and_its_removal_is_on_record(shop: Path) -> None:
    out, _ = step(shop, "step", ["", "w 1.1", "- 1", "", *ACCEPT])
    answer = answers(out)["1.1"]
    assert answer["status"] == "edited" and "Weights are loaded" not in text(out)
    assert {fault["kind"] for one in answer["rejected"] for fault in one["faults"]} >= {"removed"}


def test_a_skipped_stage_asks_no_model(shop: Path) -> None:
    prompts: Prompts = []
    out, _ = step(shop, "step", ["s", *ACCEPT], writer(prompts))
    assert [question for question, _ in prompts] == ["2.1"]
    assert answers(out)["1.1"]["status"] == "extractive"


def test_going_back_and_asking_again_ends_where_it_began(shop: Path) -> None:
    prompts: Prompts = []
    lines = ["", "", "", "", "b 1", "1.1", "r 1.2 again", "", "b 9", *ACCEPT]
    out, shown = step(shop, "step", lines, writer(prompts))
    assert [question for question, _ in prompts] == ["1.1", "1.2", "2.1", "1.2"]
    assert "'9' is no finished stage" in shown
    assert text(out) == text(run(shop, "run"))


def test_another_model_writes_from_the_next_stage_on(shop: Path) -> None:
    prompts: Prompts = []
    other: Prompts = []
    out, _ = step(shop, "step", ["", "m other", "", *ACCEPT], writer(prompts), lambda alias, stack: writer(other))
    assert [question for question, _ in prompts] == ["1.1", "1.2"] and [question for question, _ in other] == ["2.1"]
    assert json.loads((out / "answers.json").read_text())["run"]["options"]["models"] == {"s02": "other"}


def test_an_interrupt_while_the_model_writes_ends_that_alone(shop: Path) -> None:
    whole = run(shop, "run")
    prompts: Prompts = []
    calm = writer(prompts)
    calls = 0

    def nervous(messages: list, metadata: dict) -> str:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return calm.answers(messages, metadata)  # type: ignore[operator]

    out, shown = step(shop, "step", ["", *ACCEPT], ScriptedChat(answers=nervous))
    assert shown.count("stage 1 of 3") == 2
    assert text(out) == text(whole)


def test_the_end_of_the_input_stops_and_a_second_interrupt_too(shop: Path) -> None:
    shown: list[str] = []

    def impatient(prompt: str, text: str) -> str | None:
        raise KeyboardInterrupt

    person = Dialogue(Screen(lambda told: shown.extend(line for _, line in told), impatient))
    with pytest.raises(Paused):
        run_audit(
            options(shop, "step"),
            model=writer([]),
            embedder=HashEmbedder(),
            walk=partial(step_through, person=person, lend=lambda alias, stack: writer([])),
        )
    assert sum("Ctrl-C again" in line for line in shown) == 1


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("", Action("go")),
        ("e3", Action("show", text="E3")),
        ("4.1", Action("show", "4.1")),
        ("r 4.1 a hint", Action("again", "4.1", "a hint")),
        ("+4.1 a.py:3-9", Action("add", "4.1", "a.py:3-9")),
        ("+ words", Action("add", text="words")),
        ("-E3", Action("drop", text="E3")),
        ("quit", Action("quit")),
        ("zz", Action("unknown", text="zz")),
    ],
)
def test_typed_lines_are_read(line: str, action: Action) -> None:
    assert parse_action(line) == action


class Terminal:
    """The command in a real pseudo-terminal, with the screen as a person sees it."""

    def __init__(self, shop: Path, *arguments: str) -> None:
        command = ["-m", "agent", "step", "--repo", str(shop), "--model", "none", "--stages", "pack.yaml", *arguments]
        env = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)}
        env.pop("NO_COLOR", None)
        self.child = pexpect.spawn(sys.executable, command, cwd=shop.parent, env=env, dimensions=(24, 80), timeout=60)
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    def until(self, wanted: str) -> str:
        """The screen once `wanted` stands in the line of the cursor and nothing more comes; cursor questions of the
        program are answered as a terminal does."""
        line, quiet = "", False
        while wanted not in line or not quiet:
            try:
                data = self.child.read_nonblocking(4096, timeout=0.4 if wanted in line else 60)
            except pexpect.TIMEOUT:
                assert wanted in line, f"{wanted!r} never came:\n" + "\n".join(self.screen.display)
                quiet = True
                continue
            self._stream.feed(data)
            line = self.screen.display[self.screen.cursor.y]
            if b"\x1b[6n" in data:
                self.child.send(f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R")
        return "\n".join(self.screen.display)

    def end(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)


def test_a_real_terminal(shop: Path) -> None:
    first = Terminal(shop)
    shown = first.until("stage 1>")
    assert "Enter go" in shown and "q quit" in shown and "How is the model loaded?" in shown
    first.child.sendintr()
    assert "Ctrl-C again" in first.until("stage 1>")
    first.child.setwinsize(24, 60)
    first.child.sendline("")
    first.until("stage 1 answered>")
    first.child.sendline("w 1.1")
    first.until("edit 1.1>")
    first.child.sendline("- 1")
    first.until("edit 1.1>")
    first.child.sendline("")
    first.until("stage 1 answered>")
    first.child.sendeof()
    assert first.end() == 130

    second = Terminal(shop)
    assert "stage 2 of 3" in second.until("stage 2>")
    second.child.sendline("b 1")
    assert "edited" in second.until("stage 1 answered>")
    for wanted in ("stage 2>", "stage 2 answered>", "stage 3>", "stage 3 answered>"):
        second.child.sendline("")
        second.until(wanted)
    second.child.sendline("")
    assert second.end() == 0
    assert "edited" in (shop.parent / "audits" / "shop-repo" / "answers.json").read_text()


def test_long_texts_come_page_by_page(shop: Path) -> None:
    terminal = Terminal(shop, "--stages", str(ROOT / "stages.yaml"), "--only", "1")
    terminal.until("stage 1>")
    terminal.child.sendline("")
    terminal.until("-- Enter: more, q: enough --")
    terminal.child.sendline("q")
    terminal.until("stage 1 answered>")
    terminal.child.sendline("q")
    assert terminal.end() == 130
