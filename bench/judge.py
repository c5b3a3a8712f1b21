"""Does a judge model help? Its opinions on statements of known truth.

    python bench/judge.py OUT REPO [--judges smollm2-135m,gemma-3-270m] [--claims 40] [--seed 0]

OUT is the folder of a finished audit of REPO. Statements that the audit accepted, with the lines they cite, count as
true; each is made false in several ways: by the lines of another file, a name exchanged for another of the
repository, another figure, a negation, two names swapped. A judge that helps contradicts false statements and leaves
true ones alone: `benefit` is the share of false statements that it refuses, `harm` that of true ones. Prints a table
for each judge and, as the last line, one JSON object.
"""

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from agent.assets import prompts_folder  # noqa: E402
from agent.catalogue import find_model  # noqa: E402
from agent.judge import CONTEXT_TOKENS, OPINIONS, cited_lines, opinions  # noqa: E402
from agent.opening import open_judge  # noqa: E402
from agent.options import AuditOptions  # noqa: E402
from agent.prompts import Prompts  # noqa: E402
from agent.state import Citation, Claim  # noqa: E402
from retrieval.snapshot import Snapshot  # noqa: E402
from retrieval.walk import take_snapshot  # noqa: E402

MOST_CITED = 30
Json = dict[str, Any]
Pair = tuple[str, str]
_NAME = re.compile(r"`([A-Za-z_]\w{3,})(?:\(\))?`")
_NEGATED = {" is ": " is not ", " calls ": " never calls ", " returns ": " never returns ", " reads ": " never reads "}


def statements(out: Path, snapshot: Snapshot, most: int, source: random.Random) -> list[Pair]:
    """Up to `most` accepted statements that name something and cite few lines, each with these lines."""
    document = json.loads((out / "answers.json").read_text("utf-8"))
    found: dict[str, str] = {}
    for question in (q for stage in document["stages"] for q in stage["questions"]):
        for raw in question["claims"]:
            cited = [_citation(citation) for citation in raw["citations"]]
            size = sum(citation.end - citation.start + 1 for citation in cited)
            if cited and size <= MOST_CITED and len(cited) <= 3 and _NAME.search(raw["text"]) and not raw["block"]:
                claim = Claim(text=raw["text"], citations=tuple(cited), origin=raw["origin"])
                found.setdefault(claim.text, cited_lines(claim, snapshot))
    pairs = sorted(found.items())
    return source.sample(pairs, min(most, len(pairs)))


def _citation(written: Json) -> Citation:
    """A citation without what the document adds to it."""
    return Citation.model_validate({key: value for key, value in written.items() if key in Citation.model_fields})


def other_lines(pair: Pair, pairs: Sequence[Pair], source: random.Random) -> Pair | None:
    """The same words with lines of another statement, in which none of its names stands."""
    names = _NAME.findall(pair[0])
    foreign = [lines for _, lines in pairs if not any(name in lines for name in names)]
    return (pair[0], source.choice(foreign)) if foreign else None


def renamed(pair: Pair, pairs: Sequence[Pair], source: random.Random) -> Pair | None:
    """One name exchanged for a name of another statement that does not stand in the lines."""
    name = source.choice(_NAME.findall(pair[0]))
    others = sorted({n for text, _ in pairs for n in _NAME.findall(text)} - {name})
    foreign = [other for other in others if other not in pair[1]]
    return (re.sub(rf"\b{name}\b", source.choice(foreign), pair[0]), pair[1]) if foreign else None


def other_figure(pair: Pair, _: Sequence[Pair], source: random.Random) -> Pair | None:
    """One figure of the sentence changed."""
    found = [m for m in re.finditer(r"(?<![\w.])\d+(?![\w.])", pair[0]) if m[0] in pair[1]]
    if not found:
        return None
    at = source.choice(found)
    return pair[0][: at.start()] + str(int(at[0]) + source.randint(1, 40)) + pair[0][at.end() :], pair[1]


def negated(pair: Pair, _: Sequence[Pair], __: random.Random) -> Pair | None:
    """The first verb denied."""
    for verb, denied in _NEGATED.items():
        if verb in pair[0]:
            return pair[0].replace(verb, denied, 1), pair[1]
    return None


def swapped(pair: Pair, _: Sequence[Pair], __: random.Random) -> Pair | None:
    """The first two names in each other's place."""
    names = list(dict.fromkeys(_NAME.findall(pair[0])))
    if len(names) < 2:
        return None
    one, two = names[:2]
    exchanged = {one: two, two: one}
    return re.sub(rf"\b({one}|{two})\b", lambda match: exchanged[match[1]], pair[0]), pair[1]


Mutation = Callable[[Pair, Sequence[Pair], random.Random], Pair | None]
MUTATIONS: dict[str, Mutation] = {
    "lines of another file": other_lines,
    "name exchanged": renamed,
    "figure changed": other_figure,
    "negated": negated,
    "names swapped": swapped,
}


def cases(pairs: Sequence[Pair], source: random.Random) -> dict[str, list[Pair]]:
    """The statements as they are and as each mutation makes them."""
    made = {"as accepted (true)": list(pairs)}
    for name, mutate in MUTATIONS.items():
        changed = (mutate(pair, pairs, source) for pair in pairs)
        made[name] = [pair for pair in changed if pair is not None]
    return made


def measure(alias: str, listed: dict[str, list[Pair]]) -> Json:
    """One judge's opinions on every case: counts by case, `benefit`, `harm`, seconds."""
    began = time.monotonic()
    flat = [pair for pairs in listed.values() for pair in pairs]
    with open_judge(find_model(alias), CONTEXT_TOKENS, AuditOptions(repo=Path()), lambda event: None) as chat:
        given = opinions(chat, flat, Prompts(prompts_folder()))
    by_case: dict[str, Json] = {}
    for name, pairs in listed.items():
        counted = Counter(given[: len(pairs)])
        given = given[len(pairs) :]
        by_case[name] = {opinion: counted[opinion] for opinion in OPINIONS}
    true, *false = by_case.values()
    refused = sum(case["contradicts"] for case in false)
    return {
        "cases": by_case,
        "benefit": round(refused / max(1, sum(sum(case.values()) for case in false)), 3),
        "harm": round(true["contradicts"] / max(1, sum(true.values())), 3),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    """Measure each judge; the exit code."""
    parser = argparse.ArgumentParser(description="A judge's opinions on statements of known truth.")
    parser.add_argument("out", type=Path, help="folder of a finished audit")
    parser.add_argument("repo", type=Path, help="the audited repository")
    parser.add_argument("--judges", default="smollm2-135m")
    parser.add_argument("--claims", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    source = random.Random(options.seed)
    pairs = statements(options.out, take_snapshot(options.repo), options.claims, source)
    listed = cases(pairs, source)
    results = {}
    for alias in options.judges.split(","):
        results[alias] = made = measure(alias, listed)
        print(f"{alias}: refuses {made['benefit']:.0%} of false, {made['harm']:.0%} of true; {made['seconds']} s")
        for name, counted in made["cases"].items():
            print(f"  {name:<24}" + "".join(f"{opinion} {counted[opinion]:>3}  " for opinion in OPINIONS))
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
