"""index.py and retriever.py: a snapshot that can be searched, and what a second run costs."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from retrieval.embed import Embedder, HashEmbedder
from retrieval.errors import EmbedderError, IndexBroken
from retrieval.index import Index, open_index
from retrieval.retriever import CodeRetriever
from retrieval.store import write_store
from retrieval.walk import take_snapshot

FILES = {
    "pkg/__init__.py": "",
    "pkg/audio.py": "def load_audio(path):\n    '''Decodes a sound file.'''\n    return path\n",
    "pkg/model.py": "class Model:\n    def forward(self, mel):\n        return mel\n",
    "pkg/copy.py": "def load_audio(path):\n    '''Decodes a sound file.'''\n    return path\n",
    "tests/test_audio.py": "def test_load_audio():\n    assert load_audio('x')\n",
    "README.md": "# Sound\n\nLoads audio and runs a model.\n",
}


class Counting:
    """An embedder that counts texts, and how often it was loaded."""

    name = "counting"
    dimensions = 64

    def __init__(self) -> None:
        self.loads = 0
        self.texts: list[str] = []
        self.open = False

    def __call__(self) -> Embedder:
        self.loads += 1
        self.open = True
        return self

    def embed(self, texts: list[str]) -> list[list[float]]:
        self.texts += texts
        return HashEmbedder(self.dimensions).embed(texts)

    def close(self) -> None:
        self.open = False


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def _open(repo: Path, embedder: Counting | None = None, **options) -> Index:
    return open_index(
        take_snapshot(repo),
        folder=repo.parent / "index",
        embedder=embedder or Counting(),
        embedder_name="counting",
        **options,
    )


def test_the_right_lines_come_first_and_tests_last(repo: Path):
    with _open(repo) as index:
        hits = index.search(["how is audio loaded", "load_audio"], k=5)
    assert str(hits[0].chunk.span) in ("pkg/audio.py:1-3", "pkg/copy.py:1-3")
    assert hits[0].chunk.text == FILES["pkg/audio.py"].rstrip("\n")
    assert "tests/test_audio.py" in [hit.span.path for hit in hits[1:]]
    assert hits == sorted(hits, key=lambda hit: -hit.score)


def test_ways_limit_the_search(repo: Path):
    embedder = Counting()
    with _open(repo, embedder) as index:
        embedder.texts.clear()
        (hit,) = index.search(["sound"], k=1, ways=["words"])
        assert embedder.texts == [] and all(why.startswith("words #") for why in hit.why)
        found = index.search(["load_audio"], k=3)
        assert {why.split(" ")[0] for hit in found for why in hit.why} == {"words", "meaning", "references"}


def test_roles_limit_the_search(repo: Path):
    with _open(repo) as index:
        assert {hit.chunk.role for hit in index.search(["load_audio"], roles=["test"])} == {"test"}
        assert index.search(["load_audio"], roles=["vendored"]) == []


def test_a_second_run_embeds_nothing_not_even_queries(repo: Path):
    with _open(repo) as index:
        assert (index.stats.rebuilt, index.stats.reused) == (True, 0)
        first = index.search(["audio", "a model"])
    unused = Counting()
    with _open(repo, unused) as index:
        assert (index.stats.rebuilt, index.stats.embedded) == (False, 0)
        assert index.search(["audio", "a model"]) == first
    assert unused.loads == 0


def test_only_what_changed_is_embedded(repo: Path):
    _open(repo).close()
    (repo / "pkg/model.py").write_text("class Model:\n    layers = 3\n")
    (repo / "README.md").unlink()
    embedder = Counting()
    with _open(repo, embedder) as index:
        assert index.stats.rebuilt
        assert not any(hit.chunk.span.path == "README.md" for hit in index.search(["sound"]))
    assert len([text for text in embedder.texts if text != "sound"]) == 1


def test_equal_chunks_are_embedded_once(repo: Path):
    (repo / "a").mkdir()
    (repo / "b/a").mkdir(parents=True)
    for name in ("a/x.py", "b/a/x.py"):
        (repo / name).write_text("def same():\n    return 1\n")
    embedder = Counting()
    with _open(repo, embedder) as index:
        assert len(embedder.texts) == len(set(embedder.texts)) < len(index.chunks)


def test_the_embedder_is_given_back_and_comes_again(repo: Path):
    embedder = Counting()
    with _open(repo, embedder) as index:
        index.prepare(["one", "two"])
        index.release()
        assert not embedder.open
        index.search(["one"])
        assert embedder.loads == 1
        index.search(["three"])
        assert embedder.loads == 2
    assert not embedder.open


def test_a_damaged_index_is_rebuilt_without_embedding(repo: Path):
    with _open(repo) as index:
        first = index.search(["audio"])
    (level,) = (repo.parent / "index").rglob("data_level0.bin")
    level.write_bytes(b"\xff" * level.stat().st_size)
    embedder = Counting()
    with _open(repo, embedder) as index:
        assert index.stats.rebuilt
        assert index.search(["audio"]) == first
    assert embedder.loads == 0


def test_vectors_are_taken_from_the_collection_when_the_cache_is_gone(repo: Path):
    with _open(repo) as index:
        first = index.search(["audio"])
    (repo.parent / "index/vectors.sqlite").unlink()
    (repo.parent / "index/chunks.sqlite").write_bytes(b"damaged")
    embedder = Counting()
    with _open(repo, embedder) as index:
        assert (index.stats.embedded, index.stats.rebuilt) == (0, False)
        assert index.search(["audio"]) == first
    assert embedder.texts == ["audio"]


def test_the_collection_on_disk_is_whole_once_the_index_is_closed(repo: Path, monkeypatch: pytest.MonkeyPatch):
    began, go_on = threading.Event(), threading.Event()

    def slowly(*given: object) -> None:
        began.set()
        assert go_on.wait(60)
        write_store(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("retrieval.sealing.write_store", slowly)
    with _open(repo) as index:
        assert began.wait(60) and index.search(["load_audio"], 1)
        go_on.set()
    assert (repo.parent / "index/sealed/seal.json").is_file()
    with _open(repo) as index:
        assert not index.stats.rebuilt


def test_a_collection_that_cannot_be_written_is_said_when_the_index_is_closed(
    repo: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retrieval.sealing.write_store", full)
    index = _open(repo)
    assert index.search(["load_audio"], 1)
    with pytest.raises(IndexBroken, match="No space left"):
        index.close()


def test_progress_counts_up_to_what_is_embedded(repo: Path):
    seen: list[tuple[int, int]] = []
    _open(repo, on_progress=lambda done, total: seen.append((done, total))).close()
    assert seen[0][0] == 0 and seen[-1][0] == seen[-1][1] > 0
    seen.clear()
    _open(repo, on_progress=lambda done, total: seen.append((done, total))).close()
    assert seen == []


def test_what_was_embedded_before_a_failure_is_kept(repo: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("retrieval.index.EMBED_AT_ONCE", 2)

    class Failing(Counting):
        def embed(self, texts: list[str]) -> list[list[float]]:
            if self.texts:
                raise EmbedderError("gone")
            return super().embed(texts)

    with pytest.raises(EmbedderError):
        _open(repo, Failing())
    embedder = Counting()
    with _open(repo, embedder) as index:
        assert index.stats.reused == 2


def test_an_empty_repository_has_an_index_without_hits(tmp_path: Path):
    (tmp_path / "repo").mkdir()
    with _open(tmp_path / "repo") as index:
        assert (index.stats.chunks, index.search(["anything"])) == (0, [])


def test_odd_queries_are_harmless(repo: Path):
    with _open(repo) as index:
        assert index.search([]) == [] and index.search(["", "  "]) == []
        assert index.search("audio") == index.search(["audio"])
        index.search(["\x00 \u2028 日本 " * 500])


def test_search_works_from_other_threads(repo: Path):
    found: list[int] = []
    with _open(repo) as index:
        work = threading.Thread(target=lambda: found.append(len(index.search(["from a thread"]))))
        work.start()
        work.join()
    assert found and found[0] > 0


def test_an_unusable_folder_is_one_clear_error(repo: Path):
    (repo.parent / "index").write_text("a file")
    with pytest.raises(IndexBroken) as caught:
        _open(repo)
    assert caught.value.hint


def test_the_retriever_gives_documents_with_their_place(repo: Path):
    with _open(repo) as index:
        documents = CodeRetriever(index=index, k=3).invoke("load_audio")
        hits = index.search(["load_audio"], 3)
    assert [document.page_content for document in documents] == [index.snapshot.excerpt(hit.span) for hit in hits]
    assert documents[0].metadata["path"] == hits[0].span.path
    assert (documents[0].metadata["start"], documents[0].metadata["end"]) == (1, 3)


def test_importing_retrieval_loads_no_heavy_library():
    code = (
        "import sys, retrieval\n"
        "heavy = {'torch', 'chromadb', 'numpy', 'langchain_core', 'sentence_transformers'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    root = Path(__file__).resolve().parent.parent
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
