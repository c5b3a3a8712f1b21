"""What indexing costs: cold, again after one changed file, and beside the plain recipe, at several sizes.

    python -m bench.index REPOSITORY [--lines 10000,50000,100000] [--embedder ALIAS|FOLDER|none] [--plain LINES]

Takes as many Python files of REPOSITORY as the wanted number of lines needs. Every step runs in a process of its
own; memory is the sum of the peaks of it and of the embedder's process. `--embedder none` leaves the embedding
out. The plain recipe is LangChain's splitter for Python, MiniLM in float32 by sentence-transformers, and Chroma; it
has no warm run, it starts over. Its splitter is in the extra `deposition[bench]`.
"""

import argparse
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.catalogue import find_model
from agent.settings import load_settings
from retrieval.codebase import read_codebase
from retrieval.embed import HashEmbedder, SentenceEmbedder
from retrieval.index import open_index
from retrieval.walk import take_snapshot

Row = dict[str, float]
NONE = "none"
MIB = 1024


def facts(repository: Path, folder: Path, _embedder: str) -> Row:
    """Parsing and census facts of every file."""
    codebase = read_codebase(take_snapshot(repository), folder / "facts")
    return {"definitions": sum(len(file.definitions) for file in codebase.facts.values())}


def index(repository: Path, folder: Path, embedder: str) -> Row:
    """Opening the search index until it can be searched (`searchable`, in seconds), and closing it."""
    name, load = _embedder(embedder)
    opened = open_index(take_snapshot(repository), folder=folder / "index", embedder=load, embedder_name=name)
    searchable = opened.stats.seconds
    opened.close()
    return {"chunks": opened.stats.chunks, "embedded": opened.stats.embedded, "searchable": round(searchable, 2)}


def plain(repository: Path, folder: Path, embedder: str) -> Row:
    """The plain recipe, from the first file to the last vector."""
    import chromadb
    from langchain_text_splitters import Language, RecursiveCharacterTextSplitter
    from sentence_transformers import SentenceTransformer

    splitter = RecursiveCharacterTextSplitter.from_language(Language.PYTHON, chunk_size=1_000, chunk_overlap=200)
    texts = [text for path in sorted(repository.rglob("*.py")) for text in splitter.split_text(path.read_text("utf-8"))]
    model = SentenceTransformer(str(find_model(embedder, "embedder").require()), device="cpu")
    vectors = model.encode(texts)
    collection = chromadb.PersistentClient(str(folder / "plain")).create_collection("code", embedding_function=None)
    for at in range(0, len(texts), 5_000):
        part = slice(at, at + 5_000)
        ids = [str(number) for number in range(len(texts))[part]]
        collection.add(ids=ids, embeddings=vectors[part], documents=texts[part])
    return {"chunks": len(texts), "embedded": len(texts)}


def _embedder(name: str) -> tuple[str, Callable[[], HashEmbedder | SentenceEmbedder]]:
    if name == NONE:
        return "hash", lambda: HashEmbedder(384)
    spec = find_model(name, "embedder")
    return spec.alias, lambda: SentenceEmbedder(spec.require())


def measured(step: Callable[[Path, Path, str], Row], *given: object) -> Row:
    """What `step` returns, with its seconds, processor seconds and peak memory in MiB, from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (step, given))


def _measured(step: Callable[..., Row], given: tuple[object, ...]) -> Row:
    began, used = time.perf_counter(), _processor_seconds()
    row = step(*given)
    row["seconds"] = round(time.perf_counter() - began, 2)
    row["cpu"] = round(_processor_seconds() - used, 2)
    row["mib"] = sum(usage.ru_maxrss for usage in _usages()) // MIB
    return row


def _usages() -> Iterator[resource.struct_rusage]:
    yield from (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _processor_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usages())


def taken(source: Path, lines: int, target: Path) -> int:
    """Copies Python files of `source` to `target` until they have `lines` lines; how many they have."""
    total = 0
    for file in take_snapshot(source).files:
        if file.language == "python" and file.encoding == "utf-8" and total < lines:
            (target / file.path).parent.mkdir(parents=True, exist_ok=True)
            (target / file.path).write_bytes(file.data)
            total += len(file.lines)
    return total


def rows(source: Path, wanted: int, embedder: str, *, beside: bool) -> dict[str, Row]:
    """The measures at one size: facts, cold, warm after one changed file, and the plain recipe if wanted."""
    with tempfile.TemporaryDirectory() as temporary:
        repository, folder = Path(temporary) / "repository", Path(temporary) / "cache"
        found: dict[str, Row] = {"size": {"lines": taken(source, wanted, repository)}}
        found["facts"] = measured(facts, repository, folder, embedder)
        found["cold"] = measured(index, repository, folder, embedder)
        changed = max(repository.rglob("*.py"), key=lambda path: path.stat().st_size)
        with changed.open("a") as file:
            file.write("\n\ndef added_for_the_measure(value):\n    return [value] * 3\n")
        found["warm"] = measured(index, repository, folder, embedder)
        if beside:
            found["plain"] = measured(plain, repository, folder, embedder)
        shutil.rmtree(folder)
    return found


def main() -> None:
    """Print a table, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--lines", default="10000,50000,100000")
    parser.add_argument("--embedder", default="")
    parser.add_argument("--plain", type=int, default=0, metavar="LINES", help="at which size to run the plain recipe")
    options = parser.parse_args()
    embedder = options.embedder or load_settings().embedder
    print(f"{'lines':>8} {'step':<6} {'seconds':>8} {'cpu s':>8} {'MiB':>6} {'chunks':>7} {'embedded':>9}")
    figures = []
    for wanted in [int(text) for text in options.lines.split(",")]:
        found = rows(options.repository, wanted, embedder, beside=wanted == options.plain)
        lines = int(found.pop("size")["lines"])
        for step, row in found.items():
            counts = f"{row.get('chunks', 0):>7.0f} {row.get('embedded', 0):>9.0f}" if "chunks" in row else ""
            print(f"{lines:>8} {step:<6} {row['seconds']:>8.2f} {row['cpu']:>8.2f} {row['mib']:>6.0f} {counts}")
        sys.stdout.flush()
        figures.append({"lines": lines, **found})
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
