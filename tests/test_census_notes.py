"""Census kinds `memory_notes` and `thread_settings`: what is said on memory and speed, and how many threads run."""

from retrieval.census import run_query
from retrieval.census.memory.memory_notes import tells
from tests.source_tree import codebase_of

README = """
    # A model

    There are two sizes, offering speed and accuracy tradeoffs. The weather is fine.
    The large one needs
    ~10 GB of GPU memory.

    | Size | Parameters | Required VRAM | Notes |
    |:----:|-----------:|:-------------:|-------|
    | `tiny` | 39 M | ~1 GB | a\\|b |
    | turbo | 809 M | ~6 GB | |

    | Option | Meaning |
    |--------|---------|
    | a | b |

    ```
    | Size | VRAM |
    |------|------|
    ```
    """
CODE = """
    import argparse

    def run(images, workers=4):
        '''Run it.

        Higher numbers may be faster but use
        more GPU memory. Nothing else is said.
        '''
        # uses less memory than the other way
        parser.add_argument("--batch", help="lower it if you run out of memory")
        return images
    """


def notes(**files: str) -> list[tuple[int, int, str, str]]:
    code = codebase_of({name.replace("_", "."): text for name, text in files.items()})
    return [(hit.start, hit.end, hit.name, hit.text) for hit in run_query(code, "memory_notes").hits]


def test_documents_are_quoted_with_their_lines_and_tables_row_by_row() -> None:
    assert notes(README_md=README) == [
        (9, 9, "table", "README.md, table: `tiny`: Parameters `39 M`, Required VRAM `~1 GB`, Notes `a\\|b`"),
        (10, 10, "table", "README.md, table: `turbo`: Parameters `809 M`, Required VRAM `~6 GB`"),
        (3, 3, "text", "README.md, text: “There are two sizes, offering speed and accuracy tradeoffs.”"),
        (4, 5, "text", "README.md, text: “The large one needs ~10 GB of GPU memory.”"),
    ]


def test_comments_docstrings_and_help_texts_are_quoted() -> None:
    assert notes(m_py=CODE) == [
        (10, 10, "help text", "“lower it if you run out of memory” (help text of `run`, m.py)"),
        (6, 7, "docstring", "“Higher numbers may be faster but use more GPU memory.” (docstring of `run`, m.py)"),
        (9, 9, "comment", "“uses less memory than the other way” (comment in m.py)"),
    ]


def test_other_memories_and_speeds_are_not_meant() -> None:
    assert not tells("keys are pushed into the memory bank")
    assert not tells("The parameters of the function are described below.")
    assert tells("the base model has 74M parameters") and tells("trained on 8 A100 cards")


THREADS = """
    import os, torch, numba

    os.environ["OMP_NUM_THREADS"] = "1"

    def cli(threads, workers=4):
        parser.add_argument("--num-workers", default=8, help="of the loader")
        if threads > 0:
            torch.set_num_threads(threads)
        return DataLoader(data, num_workers=workers)

    @numba.jit(nopython=True, parallel=True)
    def fast(x): ...

    @torch.jit.script
    def traced(x): ...
    """


def test_threads_and_workers_are_told_with_defaults_and_conditions() -> None:
    files = {"m.py": THREADS, "a.yaml": "run:\n  num_workers: 4\n", "b.yaml": "num_workers: 4\nhard_workers: 3\n"}
    assert [(hit.path, hit.start, hit.text) for hit in run_query(codebase_of(files), "thread_settings").hits] == [
        ("m.py", 3, "the environment variable `OMP_NUM_THREADS` is set: `os.environ['OMP_NUM_THREADS'] = '1'`"),
        ("m.py", 5, "the parameter `workers` of `cli` defaults to `4`"),
        ("m.py", 6, "the option `--num-workers` has default `8`, help “of the loader” (in `cli`)"),
        ("m.py", 8, "`torch.set_num_threads(threads)` is called (in `cli`) — only if `threads > 0`"),
        ("m.py", 9, "`DataLoader()` is given `num_workers=workers` (in `cli`)"),
        (
            "m.py",
            11,
            "`fast` is compiled with `@numba.jit(nopython=True, parallel=True)`, which may run on several threads",
        ),
        ("a.yaml", 2, "`num_workers: 4` is set in a.yaml and 1 more file"),
    ]
