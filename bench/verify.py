"""Ten thousand citations against a repository of a hundred thousand lines: how long checking them takes.

    python bench/verify.py [--citations 10000] [--lines 100000]

Writes a repository of Python files and a Markdown document about it into a temporary folder, both made by a fixed seed;
one citation in ten is wrong. Times everything that `verify` does, from reading the repository to the last verdict.
Prints a table and as the last line one JSON object.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # beside this file lie namesakes of the packages

LINES_PER_FILE = 500
LINES_PER_FUNCTION = 10
SEED = 7


def write_repository(root: Path, lines: int) -> list[tuple[str, str, int]]:
    """Write files of functions; returns (path, function, first line) of each."""
    found = []
    for number in range(lines // LINES_PER_FILE):
        path = root / f"package_{number // 20}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = []
        for index in range(LINES_PER_FILE // LINES_PER_FUNCTION):
            name = f"compute_{number}_{index}"
            found.append((path.relative_to(root).as_posix(), name, index * LINES_PER_FUNCTION + 1))
            parts.append(
                f'def {name}(values, scale={index}):\n    """Compute part {index}."""\n    total_{index} = 0\n'
                f"    for value in values:\n        if value > {index}:\n            total_{index} += value * scale\n"
                f"    result = total_{index} / (len(values) or 1)\n    return result\n\n\n"
            )
        path.write_text("".join(parts), encoding="utf-8")
    return found


def write_document(path: Path, functions: list[tuple[str, str, int]], citations: int) -> None:
    """Write a document of `citations` citations, one in ten of them 100 lines off."""
    chance = random.Random(SEED)
    rows = []
    for number in range(citations):
        file, name, start = chance.choice(functions)
        if number % 10 == 0:
            start = start + 100 if start < 300 else start - 100
        rows.append(f"- `{name}()` adds the values above a limit and scales them (`{file}:{start}-{start + 7}`).\n")
    path.write_text("# Functions\n\n" + "".join(rows), encoding="utf-8")


def main() -> int:
    """Run the benchmark that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--citations", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=100_000)
    options = parser.parse_args()
    from agent.documents.opening import open_document

    with tempfile.TemporaryDirectory() as folder:
        repo, document = Path(folder, "repo"), Path(folder, "FUNCTIONS.md")
        functions = write_repository(repo, options.lines)
        write_document(document, functions, options.citations)
        began, began_busy = time.perf_counter(), time.process_time()
        opened = open_document(document, repo, most=64_000_000)
        read = time.perf_counter()
        result = opened.verify()
        seconds = time.perf_counter() - began
        busy = time.process_time() - began_busy
    verdicts = Counter(citation.verdict for citation in result.citations)
    figures: dict[str, float] = {
        "citations": len(result.citations),
        "lines": sum(len(file.lines) for file in opened.snapshot.files),
        "seconds": round(seconds, 3),
        "seconds_processor": round(busy, 3),
        "seconds_reading": round(read - began, 3),
        "citations_per_second": round(len(result.citations) / seconds),
        **{f"verdict_{verdict}": count for verdict, count in sorted(verdicts.items())},
    }
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):>22}  {value}")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
