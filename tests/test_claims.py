"""Claim lines are read without loss, and the grammar lets a sampler write nothing else."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.claims import parse_claims
from agent.grammar import claims_grammar


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E3: `load` reads `path`.", [("`load` reads `path`.", ("E3",))]),
        ("E3,E5: One fact.", [("One fact.", ("E3", "E5"))]),
        ("[E3], [E5]: One fact.", [("One fact.", ("E3", "E5"))]),
        ("1. E3 and E4 - One fact.", [("One fact.", ("E3", "E4"))]),
        ("- The `x` is set [E3, E4].", [("The `x` is set.", ("E3", "E4"))]),
        ("E1: First `a`. Second `b`.", [("First `a`.", ("E1",)), ("Second `b`.", ("E1",))]),
        ("E1: Names, e.g. `a`, call torch.load here.", [("Names, e.g. `a`, call torch.load here.", ("E1",))]),
        ("E1: Sets `a`._E2: Sets `b`.", [("Sets `a`.", ("E1",)), ("Sets `b`.", ("E2",))]),
        ("no citation at all", [("no citation at all", ())]),
        ("E1:", [("E1:", ())]),
        ("\n  \n```\n", []),
    ],
)
def test_lines_become_drafts(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(draft.text, draft.evidence) for draft in parse_claims(text)] == expected


@given(st.text(max_size=300))
def test_reading_never_raises_and_every_draft_has_text(text: str) -> None:
    assert all(draft.text.strip() for draft in parse_claims(text))


@given(st.lists(st.sampled_from(["E1", "E2", "E17"]), min_size=1, max_size=3, unique=True))
def test_what_the_grammar_shapes_is_read_back(ids: list[str]) -> None:
    drafts = parse_claims(f"{','.join(ids)}: `load` reads the file at `path`.\nE9: Other `x`.")
    assert drafts[0].evidence == tuple(ids)
    assert len(drafts) == 2


@pytest.mark.parametrize(("ids", "most"), [([], 3), (["E1"], 0), (["E1", 'x" | .*'], 2), (["E0"], 1), (["E1\n"], 1)])
def test_a_grammar_is_only_written_for_evidence_ids(ids: list[str], most: int) -> None:
    with pytest.raises(ValueError):
        claims_grammar(dict.fromkeys(ids, ()), most)


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 8))
def test_the_grammar_defines_every_rule_it_uses(ids: int, most: int) -> None:
    grammar = claims_grammar({f"E{i}": ("load", "a.b") if i % 2 else () for i in range(1, ids + 1)}, most)
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|\{[\d,]*\}', " ", grammar)
    defined = set(re.findall(r"^([a-z-]+) ::=", bare, re.MULTILINE))
    assert set(re.findall(r"[a-z][a-z-]*", bare)) == defined


WRITE = """
import json, sys
from llama_cpp import Llama, LlamaGrammar
model, grammar = sys.argv[1], sys.stdin.read()
llm = Llama(model, n_ctx=512, n_threads=1, verbose=False)
for prompt in ("E2: `load` reads a file.\\n", "Say hello\\n"):
    made = llm(prompt, max_tokens=70, temperature=0, grammar=LlamaGrammar.from_string(grammar, verbose=False))
    print(json.dumps(made["choices"][0]["text"]))
"""


@pytest.mark.model
@pytest.mark.timeout(180)
def test_llama_cpp_writes_claims_under_the_grammar() -> None:
    from agent.catalogue import find_model
    from agent.pull import pull

    pull("smollm2-135m")
    path = find_model("smollm2-135m").require()
    done = subprocess.run(  # an invalid grammar kills the process that samples with it
        [sys.executable, "-c", WRITE, str(path)],
        input=claims_grammar({"E2": ("load_model", "Loader.read"), "E31": ()}, 2),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    for text in map(json.loads, done.stdout.strip().split("\n")):
        assert re.match(r"(E2|E31)(,(E2|E31)){0,2}: [A-Z`]", text)
        assert all(draft.evidence for draft in parse_claims(text))
