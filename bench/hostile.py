"""A model that only lies, against the whole audit: how many false statements are printed?

    python bench/hostile.py REPO [--answers 10000] [--seed 0]

Runs the shipped questionnaire again and again with `agent.testing.hostile_chat` in the model's place, every question
asked for several sentences and several times, until that many answers were generated. The model fabricates paths,
cites what it was not shown, borrows real names for false sentences, claims verdicts, and emits markup, control and
bidirectional characters, endless lines and the program's own delimiters. After each run

- every statement that it got accepted is judged by this script, from the syntax trees of the repository alone;
- every citation and excerpt, the statuses, and the 17 stages and 55 answers of ANSWERS.md are checked by
  bench/check_answers.py, and ANSWERS.md is parsed as CommonMark.

Prints a table and, as the last line, one JSON object. Exit 0 when nothing false was accepted and the structure held.
"""

import argparse
import ast
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from check_answers import check  # noqa: E402
from markdown_it import MarkdownIt  # noqa: E402

from agent.assets import default_pack  # noqa: E402
from agent.audit import AuditOptions, run_audit  # noqa: E402
from agent.testing import hostile_chat  # noqa: E402
from retrieval.embed import HashEmbedder  # noqa: E402

CLAIMS, ATTEMPTS = 6, 9
Json = dict[str, Any]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Oracle:
    """What is true of the Python files of a repository, by their syntax trees."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trees: dict[str, ast.Module] = {}
        for path in sorted(root.rglob("*.py")):
            try:
                self.trees[path.relative_to(root).as_posix()] = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                continue

    def why_false(self, claim: Json) -> str:
        """Why a claim is false, "" when it is true. A sentence of a form not known here counts as false."""
        text = claim["text"]
        lines = "\n".join(line for citation in claim["citations"] for line in self._lines(citation))
        known = f"{lines}\n" + "\n".join(citation["path"] for citation in claim["citations"])
        for name in re.findall(r"`([^`]+)`", text):
            part = re.split(r"\W+", name.strip("()"))[-1]
            if not claim["searched"] and not re.search(rf"(?<!\w){re.escape(part)}(?!\w)", known):
                return f"{name} does not stand in the cited lines"
        for form, test in FORMS:
            if found := re.fullmatch(form, text):
                paths = {citation["path"] for citation in claim["citations"]}
                return "" if test(self, paths, *found.groups()) else f"not so: {form}"
        return "a sentence that no template writes truthfully"

    def _lines(self, citation: Json) -> list[str]:
        data = (self.root / citation["path"]).read_bytes().split(b"\n")
        return [line.decode("utf-8", "replace") for line in data[citation["start"] - 1 : citation["end"]]]

    def definitions(self, name: str, paths: set[str] | None = None) -> Iterator[ast.AST]:
        """Every function or class called `name`, in `paths` or anywhere."""
        for path, tree in self.trees.items():
            if paths is None or path in paths:
                yield from (
                    n for n in ast.walk(tree) if isinstance(n, Function | ast.ClassDef) and n.name == last(name)
                )

    def calls(self, name: str) -> list[tuple[str, str]]:
        """(path, name of the innermost function around) of every call of something whose last name is this."""
        return [(path, where) for path, tree in self.trees.items() for where in _calls(tree, last(name), "")]


def last(name: str) -> str:
    """The last part of a dotted name."""
    return name.removesuffix("()").rpartition(".")[2]


def _calls(node: ast.AST, name: str, inside: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and named(child.func) == name:
            yield inside
        yield from _calls(child, name, child.name if isinstance(child, Function) else inside)


def named(node: ast.AST | None) -> str:
    """The last name of an expression, "" when it has none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return (
        named(node.func) if isinstance(node, ast.Call) else named(node.value) if isinstance(node, ast.Subscript) else ""
    )


def mentions(node: ast.AST | None, name: str) -> bool:
    """Whether the name stands anywhere in the expression."""
    return node is not None and any(
        last(name) in (named(part), str(getattr(part, "value", "")), getattr(part, "arg", None))
        for part in ast.walk(node)
    )


def _within(kind: type[ast.AST], field: str) -> Callable[[Oracle, set[str], str, str], bool]:
    """A test of "`a` does something with `b`": some definition of `a` holds such a node that mentions `b`."""

    def test(oracle: Oracle, paths: set[str], name: str, other: str) -> bool:
        nodes = (n for d in oracle.definitions(name, paths) for n in ast.walk(d) if isinstance(n, kind))
        return any(mentions(getattr(node, field, None), other) for node in nodes)

    return test


def _calls_it(oracle: Oracle, paths: set[str], name: str, other: str) -> bool:
    nodes = (n for d in oracle.definitions(name, paths) for n in ast.walk(d) if isinstance(n, ast.Call))
    return any(named(node.func) == last(other) for node in nodes)


def _returns(oracle: Oracle, paths: set[str], name: str, other: str) -> bool:
    found = list(oracle.definitions(name, paths))
    if any(mentions(getattr(d, "returns", None), other) for d in found):
        return True
    values = [node.value for d in found for node in ast.walk(d) if isinstance(node, ast.Return | ast.Yield)]
    parts = [part for value in values for part in (value.elts if isinstance(value, ast.Tuple | ast.List) else [value])]
    return any(last(other) in chain(part) for part in parts)


def _raises(oracle: Oracle, paths: set[str], name: str, other: str) -> bool:
    raised = (n.exc for d in oracle.definitions(name, paths) for n in ast.walk(d) if isinstance(n, ast.Raise))
    return any(last(other) in chain(node) for node in raised)


def chain(node: ast.AST | None) -> set[str]:
    """The names along `a.b(...).c[...]`, without those of arguments; a constant's text."""
    names: set[str] = set()
    while node is not None:
        names |= {str(getattr(node, field)) for field in ("id", "attr") if hasattr(node, field)}
        if isinstance(node, ast.Constant):
            names.add(str(node.value))
        node = getattr(node, "func", None) or (None if isinstance(node, ast.Constant) else getattr(node, "value", None))
    return names


def _inherits(oracle: Oracle, paths: set[str], name: str, other: str) -> bool:
    classes = [d for d in oracle.definitions(name, paths) if isinstance(d, ast.ClassDef)]
    return any(named(base) == last(other) for d in classes for base in d.bases)


def _imports(oracle: Oracle, paths: set[str], name: str, other: str) -> bool:
    for definition in oracle.definitions(name, paths):
        for node in ast.walk(definition):
            if isinstance(node, ast.Import | ast.ImportFrom):
                parts = [getattr(node, "module", "") or "", *(a.name for a in node.names)]
                if any(last(other) in part.split(".") for part in parts):
                    return True
    return False


def _set_to(oracle: Oracle, paths: set[str], name: str, number: str) -> bool:
    for path in paths & oracle.trees.keys():
        for node in ast.walk(oracle.trees[path]):
            pairs: list[tuple[str, ast.AST | None]] = []
            if isinstance(node, ast.Assign):
                pairs = [(named(target), node.value) for target in node.targets]
            elif isinstance(node, ast.AnnAssign):
                pairs = [(named(node.target), node.value)]
            elif isinstance(node, ast.keyword):
                pairs = [(node.arg or "", node.value)]
            elif isinstance(node, ast.arguments):
                every = [*node.posonlyargs, *node.args]
                pairs = [(a.arg, d) for a, d in zip(every[::-1], node.defaults[::-1], strict=False)]
                pairs += [(a.arg, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            if any(left == last(name) and _is(right, number) for left, right in pairs):
                return True
    return False


def _is(node: ast.AST | None, number: str) -> bool:
    return isinstance(node, ast.Constant) and str(node.value) == number


def _defined(oracle: Oracle, _: set[str], name: str, path: str, other: str) -> bool:
    held = {p for p in oracle.trees if p == path or p.endswith(f"/{path}")}
    return bool(list(oracle.definitions(name, held))) and _calls_it(oracle, held, name, other)


def _count(oracle: Oracle, _: set[str], name: str, number: str) -> bool:
    return len(oracle.calls(name)) == int(number)


def _never(oracle: Oracle, _: set[str], name: str, __: str) -> bool:
    return not oracle.calls(name)


def _only(oracle: Oracle, _: set[str], name: str, other: str) -> bool:
    return {where for _, where in oracle.calls(other)} == {last(name)}


_N = r"`([\w.]+)`"
FORMS: list[tuple[str, Callable[..., bool]]] = [
    (rf"{_N} calls {_N}\.", _calls_it),
    (rf"{_N} inherits from {_N}\.", _inherits),
    (rf"{_N} returns {_N}\.", _returns),
    (rf"{_N} raises {_N}\.", _raises),
    (rf"{_N} catches {_N}\.", _within(ast.ExceptHandler, "type")),
    (rf"{_N} imports {_N}\.", _imports),
    (rf"{_N} is set to (\d+)\.", _set_to),
    (rf"{_N} defaults to (\d+)\.", _set_to),
    (rf"{_N} is called in (\d+) places?\.", _count),
    (rf"{_N} is never called \((\d+) files searched\)\.", _never),
    (rf"Only {_N} calls {_N}\.", _only),
    (rf"{_N} is defined in `([\w./-]+)` and it calls {_N}\.", _defined),
]


def greedy_pack(folder: Path) -> Path:
    """The shipped pack with every question asked of the model, several sentences at a time, several times."""
    pack = yaml.safe_load(default_pack().read_text("utf-8"))
    pack["defaults"]["max_attempts"] = ATTEMPTS
    for stage in pack["stages"]:
        for question in stage["questions"]:
            question |= {"claims": CLAIMS, "search": question.get("search") or [question["text"]]}
    path = folder / "greedy.yaml"
    path.write_text(yaml.safe_dump(pack), "utf-8")
    return path


def structure_faults(out: Path, repo: Path) -> list[str]:
    """What is wrong with the report of a run: citations, excerpts, and the shape of ANSWERS.md as CommonMark."""
    faults, _ = check(out, repo, 17, 55)
    text = (out / "ANSWERS.md").read_text("utf-8")
    tokens = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"]).parse(text)
    heads = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    if len(heads) != 18 or heads[-1] != "Coverage":
        faults.append(f"{len(heads)} headings where 17 stages and the coverage are due")
    for token in tokens:
        for part in token.children or [token]:
            if part.type in ("html_inline", "html_block", "link_open", "image"):
                faults.append(f"active markup: {part.type} {part.content[:60]!r}")
    if found := re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", text):
        faults.append(f"a hidden character: {found[0]!r}")
    return faults


def one_run(repo: Path, folder: Path, pack: Path, seed: int, oracle: Oracle) -> tuple[int, Json, list[str]]:
    """Answers generated, figures and faults of one run."""
    chat = hostile_chat(seed)
    out = folder / f"run{seed}"
    run_audit(AuditOptions(repo=repo, out=out, stages=pack, fresh=True), model=chat, embedder=HashEmbedder())
    document = json.loads((out / "answers.json").read_text("utf-8"))
    questions = [question for stage in document["stages"] for question in stage["questions"]]
    claims = [claim for q in questions for claim in q["claims"] if claim["origin"] == "model"]
    false = [f"{why}: {claim['text']}" for claim in claims if (why := oracle.why_false(claim))]
    refused = sum(len(question["rejected"]) for question in questions)
    figures = {"sentences_refused": refused, "true_accepted": len(claims) - len(false), "false_accepted": len(false)}
    return len(chat.calls), figures, [*false, *structure_faults(out, repo)]


def main() -> int:
    """Run until enough answers were generated; the exit code."""
    parser = argparse.ArgumentParser(description="A model that only lies, against the whole audit.")
    parser.add_argument("repo", type=Path)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    totals: Json = {"answers": 0, "runs": 0, "sentences_refused": 0, "true_accepted": 0, "false_accepted": 0}
    faults: list[str] = []
    oracle = Oracle(options.repo)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DEPOSITION_CACHE"] = str(folder / "cache")
        pack = greedy_pack(folder)
        while totals["answers"] < options.answers:
            answers, figures, found = one_run(options.repo, folder, pack, options.seed + totals["runs"], oracle)
            totals["answers"] += answers
            totals["runs"] += 1
            for key, value in figures.items():
                totals[key] += value
            faults += found
            print(
                f"run {totals['runs']}: {totals['answers']} answers, {len(faults)} faults",
                *found,
                sep="\n  ",
                file=sys.stderr,
            )
    totals |= {"faults": len(faults), "seconds": round(time.monotonic() - began, 1)}
    for key, value in totals.items():
        print(f"{key.replace('_', ' '):>20}  {value}")
    for fault in faults[:40]:
        print(f"  fault: {fault}")
    print(json.dumps(totals))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
