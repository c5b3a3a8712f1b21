"""Temporary files whose path outlives the block that made them."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "main.py": """
        import os
        import tempfile

        KIND = {"delete": False}

        def reused(sound):
            with tempfile.NamedTemporaryFile(suffix=".wav", **KIND) as f:
                path = f.name
            sound.export(path, format="wav")
            return path, 3

        def gone(sound):
            with tempfile.NamedTemporaryFile(suffix=".wav") as f:
                path = f.name
            try:
                sound.export(path, format="wav")
            finally:
                os.unlink(path)

        def inside(sound):
            with tempfile.NamedTemporaryFile(suffix=".wav") as f:
                sound.export(f.name, format="wav")
                print(f.name)

        def main(sound):
            path, _ = reused(sound)
            gone(sound)
            inside(sound)
            return open(path)

        if __name__ == "__main__":
            main(None)
    """,
}


def test_a_path_that_is_written_after_the_block_stays() -> None:
    told = [hit.text for hit in run_query(codebase_of(FILES), "temporary").hits]
    assert len(told) == 3
    assert (
        "written with `sound.export()`; its path is written again after the `with` block, so that the file stays"
        in told[0]
    )
    assert "and its path is returned to the caller, and no removal of it was traced" in told[0]
    assert told[1].endswith("removed in a `finally` of `gone()`")
    assert told[2].endswith("removed when the `with` block ends")
