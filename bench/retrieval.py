"""Recall of the search on questions whose answers cite files and lines, one way of ranking at a time and fused.

    python -m bench.retrieval QUESTIONS.json REPOSITORY... [--embedder ALIAS|FOLDER] [--index FOLDER]

QUESTIONS.json holds `repos` (name → `commit`) and `records` (`repo`, `id`, `question`, `files`, `spans` of `path`,
`start`, `end`); each REPOSITORY is a folder named like one of the repos, at that commit. A span is found when a
result overlaps it, a file when a result is of it; recall is the mean over the questions that have a span (a file).
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from agent.catalogue import find_model
from agent.settings import load_settings
from retrieval.chunk import Span
from retrieval.embed import SentenceEmbedder
from retrieval.index import WAYS, Index, open_index
from retrieval.lexical import LexicalIndex
from retrieval.walk import take_snapshot

AT = 10
Search = Callable[[str], Sequence[Span]]


@dataclass(frozen=True)
class Figures:
    """Recall at ten results, and how many lines they have."""

    span: float
    file: float
    lines: float
    longest: int


def measure(search: Search, records: Sequence[Mapping[str, Any]]) -> Figures:
    """The figures of one way of searching over the questions of one repository."""
    spans, files, lines = [], [], []
    for record in records:
        found = search(record["question"])[:AT]
        gold = [Span(span["path"], span["start"], span["end"]) for span in record["spans"]]
        paths = {span.path for span in found}
        if gold:
            spans.append(mean(any(span.overlaps(one) for span in found) for one in gold))
        if record["files"]:
            files.append(mean(path in paths for path in record["files"]))
        lines += [span.end - span.start + 1 for span in found]
    return Figures(mean(spans), mean(files), mean(lines), max(lines))


def ways(index: Index) -> dict[str, Search]:
    """What is compared: raw BM25, each way by itself and together with BM25, and all of them."""
    lexical = LexicalIndex(index.chunks)

    def raw(query: str) -> list[Span]:
        return [index.chunks[place].span for place in lexical.rank(query, AT)]

    def chosen(*names: str) -> Search:
        return lambda query: [hit.span for hit in index.search([query], AT, ways=names)]

    return {
        "BM25 chunks alone": raw,
        "words (BM25)": chosen("words"),
        "meaning (vectors)": chosen("meaning"),
        "words + meaning": chosen("words", "meaning"),
        "words + references": chosen("words", "references"),
        "all": chosen(*WAYS),
    }


def read_questions(path: Path, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The records of each repository. Ends the program when one has none."""
    data = json.loads(path.read_text("utf-8"))
    found = {name: [record for record in data["records"] if record["repo"] == name] for name in names}
    if missing := [name for name, records in found.items() if not records]:
        sys.exit(f"no questions on {', '.join(missing)}; there are: {', '.join(data['repos'])}")
    return found


def main() -> None:
    """Print a table per repository, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--embedder", default="", help="an embedding model of the catalogue, or its folder")
    parser.add_argument("--index", type=Path, help="where indexes are kept; a temporary folder without it")
    options = parser.parse_args()
    spec = find_model(options.embedder or load_settings().embedder, "embedder")
    questions = read_questions(options.questions, [folder.resolve().name for folder in options.repositories])
    figures: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for folder, (name, records) in zip(options.repositories, questions.items(), strict=True):
            kept = (options.index or Path(temporary)) / name
            with open_index(
                take_snapshot(folder),
                folder=kept,
                embedder=lambda: SentenceEmbedder(spec.require()),
                embedder_name=spec.alias,
            ) as index:
                index.prepare([record["question"] for record in records])
                index.release()
                print(f"\n{name}: {len(records)} questions, {len(index.chunks)} chunks, {spec.alias}")
                print(f"{'':<22}{'span recall':>12}{'file recall':>12}{'lines':>8}{'longest':>8}")
                figures[name] = {}
                for way, search in ways(index).items():
                    one = measure(search, records)
                    print(f"{way:<22}{one.span:>12.3f}{one.file:>12.3f}{one.lines:>8.1f}{one.longest:>8}", flush=True)
                    figures[name][way] = {key: round(value, 4) for key, value in vars(one).items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
