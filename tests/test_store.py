"""store.py and vectors.py: what is on disk is used only while it is whole."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import IndexBroken
from retrieval.store import VectorStore, is_sealed, read_store, write_store
from retrieval.vectors import VectorCache, vector_key

WORDS = [f"word{n}" for n in range(300)]


def _vectors() -> dict[str, list[float]]:
    return dict(zip(WORDS, HashEmbedder(128).embed(WORDS), strict=True))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "sealed"
    write_store(folder, _vectors(), "key")
    return folder


def test_the_nearest_is_exact_and_repeatable(sealed: Path):
    vectors = _vectors()
    wanted = vectors["word7"]
    cosines = {name: sum(a * b for a, b in zip(wanted, vector, strict=True)) for name, vector in vectors.items()}
    best = max(cosines.values())
    found = VectorStore(read_store(sealed)).nearest(wanted, 300)
    assert found == VectorStore(read_store(sealed)).nearest(wanted, 300)
    assert len(found) == 300
    assert cosines[found[0][0]] == pytest.approx(best)
    assert [score for _name, score in found] == pytest.approx(sorted(cosines.values(), reverse=True), abs=1e-4)


def test_using_a_store_leaves_the_sealed_one_as_it_is(sealed: Path):
    before = {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()}
    assert is_sealed(sealed, "key") and len(read_store(sealed)) == 300
    assert {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()} == before


def test_another_key_is_not_what_was_sealed(sealed: Path):
    assert is_sealed(sealed, "key") and not is_sealed(sealed, "other")


def test_a_store_goes_on_from_what_is_sealed(tmp_path: Path):
    vectors = _vectors()
    write_store(tmp_path / "sealed", vectors, "one")
    changed = {name: vector for name, vector in vectors.items() if name != "word3"} | {"new": vectors["word3"]}
    write_store(tmp_path / "sealed", changed, "two")
    assert is_sealed(tmp_path / "sealed", "two")
    found = read_store(tmp_path / "sealed")
    assert found.keys() == changed.keys()
    assert all(found[name] == pytest.approx(vector, abs=1e-6) for name, vector in changed.items())
    assert [path.name for path in tmp_path.iterdir()] == ["sealed"]


@pytest.mark.parametrize("pattern", ["*.sqlite3", "*/data_level0.bin", "*/header.bin", "seal*"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_any_damage_is_noticed_before_chroma_sees_it(tmp_path: Path, pattern: str, damage: str):
    folder = tmp_path / "sealed"
    write_store(folder, _vectors(), "key")
    (victim,) = folder.glob(pattern)
    data = bytearray(victim.read_bytes())
    if damage == "remove":
        victim.unlink()
    else:
        data[len(data) // 2 : len(data) // 2 + 1] = b"" if not data else bytes([data[-1] ^ 0x55])
        victim.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    assert not is_sealed(folder, "key")
    with pytest.raises(IndexBroken):
        read_store(folder)
    write_store(folder, {"a": [1.0, 0.0]}, "again")
    assert is_sealed(folder, "again") and read_store(folder) == {"a": [1.0, 0.0]}


def test_vectors_of_another_embedder_begin_a_new_collection(tmp_path: Path):
    write_store(tmp_path / "sealed", _vectors(), "one")
    write_store(tmp_path / "sealed", {"a": [1.0, 0.0, 0.0]}, "two")
    assert read_store(tmp_path / "sealed") == {"a": [1.0, 0.0, 0.0]}


def test_an_empty_store_answers_nothing(tmp_path: Path):
    write_store(tmp_path / "sealed", {}, "key")
    assert VectorStore(read_store(tmp_path / "sealed")).nearest([1.0, 0.0], 5) == []


@pytest.mark.parametrize("vector", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_a_vector_without_direction_is_refused(tmp_path: Path, vector: list[float]):
    with pytest.raises(ValueError, match="direction"):
        write_store(tmp_path / "sealed", {"a": vector}, "key")
    assert list(tmp_path.iterdir()) == []


def test_a_dotenv_of_the_current_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "evilmod.py").write_text("from pathlib import Path\nPath('fired').touch()\n")
    (tmp_path / ".env").write_text("chroma_product_telemetry_impl=evilmod.Evil\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    write_store(tmp_path / "sealed", _vectors(), "key")
    read_store(tmp_path / "sealed")
    assert not (tmp_path / "fired").exists() and "evilmod" not in sys.modules


def test_vectors_survive_and_a_changed_row_counts_as_missing(tmp_path: Path):
    path = tmp_path / "v.sqlite"
    cache = VectorCache(path)
    cache.put({"a": [0.5, 0.25], "b": [1.0, 0.0]})
    cache.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE vectors SET data = zeroblob(8) WHERE key = 'b'")
    cache = VectorCache(path)
    found = cache.get(["a", "b", "c"] * 400)
    cache.close()
    assert {key: vector.tolist() for key, vector in found.items()} == {"a": [0.5, 0.25]}


def test_a_file_that_is_no_database_is_begun_anew(tmp_path: Path):
    path = tmp_path / "v.sqlite"
    path.write_bytes(os.urandom(5_000))
    cache = VectorCache(path)
    cache.put({"a": [1.0]})
    assert list(cache.get(["a"])) == ["a"]
    cache.close()


def test_keys_tell_embedders_and_texts_apart():
    keys = {vector_key(name, text) for name in ("m", "n") for text in ("a", "b", "\ud800")}
    assert len(keys) == 6
