"""Compares census hits with an oracle written on Python's own `ast`: precision and recall per kind.

    python -m bench.census REPOSITORY... [--show KIND]

Files that `ast` cannot parse are left out on both sides. Names are compared where the oracle can know them (rooted in
an import); elsewhere the last written name is.
"""

import argparse
import ast
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.oracle import Key, Oracle, flat
from retrieval.codebase import Codebase, read_codebase
from retrieval.extract import package_of
from retrieval.facts import Fact, FileFacts
from retrieval.walk import take_snapshot

Found = dict[str, Counter[Key]]
NAMED: dict[str, tuple[str, Callable[[Fact], str]]] = {
    "catch": ("catches", lambda f: f.detail["types"] or "bare"),
    "raise": ("raises", lambda f: f.name or "raise"),
    "assert": ("asserts", lambda f: ""),
    "yield": ("yields", lambda f: f.detail["form"]),
    "delete": ("deletes", lambda f: flat(f.name)),
    "global": ("globals", lambda f: f.name),
    "with": ("with", lambda f: f.name),
    "decorator": ("decorators", lambda f: f.name),
    "string": ("strings", lambda f: f.name[:200]),
}


def expected(codebase: Codebase) -> tuple[Found, set[str]]:
    """The oracle's keys per kind, and the files it could read."""
    found: Found = {}
    read: set[str] = set()
    for file in codebase.snapshot.files:
        if file.language != "python":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(file.data)
        except (SyntaxError, ValueError, RecursionError):
            continue
        read.add(file.path)
        package = package_of(file.path, codebase.facts[file.path].module)
        for kind, keys in Oracle(file.path, package).read(tree).items():
            found.setdefault(kind, Counter()).update(keys)
    return found, read


def census(codebase: Codebase, read: set[str]) -> Found:
    """The census' keys per kind, from the same files."""
    found: Found = {}
    for path in read:
        facts = codebase.facts[path]
        for kind, start, end, name in (*_calls(facts), *_named(facts), *_facts(facts)):
            found.setdefault(kind, Counter())[path, start, end, name] += 1
    return found


def _calls(facts: FileFacts) -> Iterator[tuple[str, int, int, str]]:
    imported = {item.alias for item in facts.imports}
    for call in facts.calls:
        yield "calls by place", call.start, call.end, _written(call.written)
        if call.written.split(".")[0] in imported:
            yield "calls", call.start, call.end, call.name
        for name, _ in call.keywords:
            if name != "**":
                yield "keywords", call.start, call.end, name


def _named(facts: FileFacts) -> Iterator[tuple[str, int, int, str]]:
    for item in facts.imports:
        name = ".".join(p for p in (item.module, item.name) if p and p != "*")
        yield "imports", item.start, item.end, name
    for item in facts.definitions:
        word = "class" if item.kind == "class" else "async def" if item.is_async else "def"
        yield "defines", item.start, item.end, f"{word} {item.name}"
        for base in item.bases:
            yield "bases", item.head_start, item.head_start, base


def _facts(facts: FileFacts) -> Iterator[tuple[str, int, int, str]]:
    for fact in facts.facts:
        if fact.kind == "string" and fact.detail["form"] != "plain":
            continue  # the oracle counts plain constants only
        if fact.kind in NAMED:
            kind, name = NAMED[fact.kind]
            yield kind, fact.start, fact.end, name(fact)
        elif fact.kind == "await" and fact.detail["form"] == "await":
            yield "awaits", fact.start, fact.end, "await"
        elif fact.kind == "assign" and fact.detail["operator"] != ":=":
            yield "assigns", fact.start, fact.end, flat(fact.name)


def matched(kind: str, want: Counter[Key], have: Counter[Key]) -> tuple[int, list[Key], list[Key]]:
    """How many keys agree, which the census missed, and which it has beyond the oracle."""
    same = want & have
    missing, extra = Counter(want - same), Counter(have - same)
    for key in list(missing.elements()):
        near = next((k for k in extra if extra[k] > 0 and _agrees(kind, key, k)), None)
        if near is not None:
            same[key] += 1
            missing[key] -= 1
            extra[near] -= 1
    return same.total(), list(missing.elements()), list((+extra).elements())


def _agrees(kind: str, want: Key, have: Key) -> bool:
    """Whether two keys differ only in what the oracle cannot know.

    Without an import at its root a name is compared by its last part; an assignment of a chain starts at its own
    target; a decorator of the oracle starts behind the `@`.
    """
    if want[0] != have[0]:
        return False
    if kind == "assigns":
        return want[3] == have[3] and have[1] <= want[1] and want[2] == have[2]
    if want[1] != have[1] or want[2] != have[2]:
        return False
    return kind != "calls" and want[3].rpartition(".")[2] == have[3].rpartition(".")[2].strip("()[]")


def compare(folder: Path) -> dict[str, tuple[int, int, int, list[Key], list[Key]]]:
    """Per kind: agreeing keys, expected, found, missing and extra."""
    snapshot = take_snapshot(folder)
    begun = time.perf_counter()
    codebase = read_codebase(snapshot)
    seconds = time.perf_counter() - begun
    want, read = expected(codebase)
    have = census(codebase, read)
    lines = sum(codebase.facts[path].lines for path in read)
    print(f"{folder.name}: {len(read)} files, {lines} lines, facts in {seconds:.2f} s", file=sys.stderr)
    rows = {}
    for kind in sorted(want):
        found = have.get(kind, Counter())
        if kind in ("calls", "bases"):  # the oracle names only what is rooted in an import
            places = {(k[0], k[1], k[2], _tail(k[3])) for k in want[kind]}
            found = Counter({k: n for k, n in found.items() if (*k[:3], _tail(k[3])) in places})
        same, missing, extra = matched(kind, want[kind], found)
        rows[kind] = (same, want[kind].total(), found.total(), missing, extra)
    return rows


def _written(callee: str) -> str:
    """The last name of a callee as written, "" for what is called on a subscript or another call."""
    return "" if callee.endswith((")", "]", "…")) else _tail(callee)


def _tail(name: str) -> str:
    return name.rpartition(".")[2]


def main() -> None:
    """Print a table per kind over all repositories, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--show", default="", help="a kind whose differences to list")
    options = parser.parse_args()
    total: dict[str, list[int]] = {}
    for folder in options.repositories:
        for kind, (same, want, have, missing, extra) in compare(folder).items():
            sums = total.setdefault(kind, [0, 0, 0])
            sums[0] += same
            sums[1] += want
            sums[2] += have
            if kind == options.show:
                for label, keys in (("missing", missing), ("extra", extra)):
                    for key in keys[:40]:
                        print(f"  {label} {key[0]}:{key[1]}-{key[2]} {key[3][:80]!r}")
    print(f"{'kind':<16}{'oracle':>9}{'census':>9}{'precision':>11}{'recall':>9}")
    figures = {}
    for kind, (same, want, have) in sorted(total.items()):
        precision, recall = same / have if have else 1.0, same / want if want else 1.0
        figures[kind] = {"precision": round(precision, 5), "recall": round(recall, 5), "oracle": want}
        print(f"{kind:<16}{want:>9}{have:>9}{precision:>11.4f}{recall:>9.4f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
