"""Citations of an audit after the repository has changed, and what --update rewrites."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cli import main
from agent.documents.anchors import anchor
from agent.documents.drift import Drift, Record
from agent.documents.lexicon import Lexicon
from agent.documents.verdicts import Place
from tests.courtroom import ENGINE
from tests.source_tree import snapshot_of

LINES = ENGINE.encode().removesuffix(b"\n").split(b"\n")


def record(start: int, end: int, path: str = "engine.py") -> Record:
    digest = hashlib.sha256(b"\n".join(LINES[start - 1 : end])).hexdigest()
    return Record(Place(path, start, end), digest, **anchor(LINES, start, end))


def drift(files: dict[str, str | bytes]) -> Drift:
    return Drift(Lexicon(snapshot_of(files).files))


START = next(n for n, text in enumerate(LINES, 1) if text.startswith(b"def resize"))
BODY = "\n".join(line.decode() for line in LINES[START - 1 : START + 2])
SCALED, WIDER = ENGINE.replace("picture.resize", "picture.scale"), ENGINE.replace("side=224", "side=512")
EDITS: dict[str, tuple[dict[str, str | bytes], str, int]] = {
    "untouched": ({"engine.py": ENGINE}, "ok", 0),
    "lines above": ({"engine.py": "# new\n# lines\n" + ENGINE}, "moved", 2),
    "lines above gone": ({"engine.py": ENGINE.replace("BEAM_WIDTH = 5\n", "")}, "moved", -1),
    "another file": ({"src/loader.py": ENGINE, "engine.py": "import src\n"}, "moved", 0),
    "changed inside": (
        {"engine.py": ENGINE.replace("picture = picture.resize", "picture = picture.scale")},
        "changed",
        0,
    ),
    "changed and moved": ({"engine.py": "#\n" + WIDER}, "changed", 1),
    "taken out": ({"engine.py": ENGINE.replace(BODY + "\n", "").replace("def caption", "def other")}, "changed", 0),
    "file gone": ({"other.py": "x = 1\n"}, "missing", 0),
    "all other": ({"engine.py": "x = 1\n" * 60}, "missing", 0),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_became_of_lines(name: str) -> None:
    files, verdict, by = EDITS[name]
    ruling = drift(files).rule(record(START, START + 2))
    assert ruling.verdict == verdict, ruling.reason
    if verdict == "moved":
        assert ruling.now
        assert (ruling.now.start, ruling.now.end) == (START + by, START + 2 + by)


def test_short_lines_are_not_found_by_chance() -> None:
    text = "def f():\n    a = 1\n    return a\n\n\ndef g():\n    b = 2\n    return b\n"
    lines = text.encode().split(b"\n")
    digest = hashlib.sha256(lines[2]).hexdigest()
    one = Record(Place("a.py", 3, 3), digest, **anchor(lines, 3, 3))
    other = "def g():\n    b = 2\n    return b\n\n\ndef h():\n    c = 3\n    print(c)\n    return a\n"
    assert drift({"a.py": other}).rule(one).verdict in ("changed", "missing")


def test_of_equal_lines_the_one_in_the_same_surroundings_is_it() -> None:
    part = "def {0}():\n    value_{0} = load()\n    return check(value)\n\n\n"
    before, after = part.format("a") + part.format("b"), part.format("n") + part.format("a") + part.format("b")
    lines = before.encode().split(b"\n")
    one = Record(Place("a.py", 8, 8), hashlib.sha256(lines[7]).hexdigest(), **anchor(lines, 8, 8))
    ruling = drift({"a.py": after}).rule(one)
    assert ruling.verdict == "moved" and ruling.now == Place("a.py", 13, 13)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, len(LINES)), st.integers(0, 12), st.lists(st.integers(0, len(LINES)), max_size=3), st.booleans())
def test_what_is_called_the_same_or_moved_has_the_recorded_bytes(
    start: int, width: int, inserted: list[int], dropped: bool
) -> None:
    end = min(len(LINES), start + width)
    lines = list(LINES)
    for at in inserted:
        lines.insert(at, b"# inserted")
    if dropped:
        del lines[len(lines) // 2]
    ruling = drift({"engine.py": b"\n".join(lines) + b"\n"}).rule(record(start, end))
    where = ruling.now or Place("engine.py", start, end)
    if ruling.verdict in ("ok", "moved"):
        digest = hashlib.sha256(b"\n".join(lines[where.start - 1 : where.end])).hexdigest()
        assert digest == record(start, end).sha256


def test_records_without_surroundings_are_found_by_their_bytes() -> None:
    old = record(START, START + 2)
    bare = Record(old.place, old.sha256)
    assert drift({"engine.py": "#\n" + ENGINE}).rule(bare).verdict == "moved"
    assert drift({"engine.py": WIDER}).rule(bare).verdict == "missing"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `repo` and the finished audit `out` of it."""
    folder = tmp_path_factory.mktemp("audited")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPOSITION_CACHE", str(folder / "cache"))
        (folder / "repo" / "captioner").mkdir(parents=True)
        (folder / "repo" / "captioner" / "engine.py").write_text(ENGINE)
        (folder / "repo" / "captioner" / "__init__.py").write_text("from captioner.engine import caption\n")
        (folder / "repo" / "README.md").write_text("# Captioner\n\nWrites captions for pictures.\n")
        only = ["--only", "1.1,2,5.1,11,16"]
        assert main(["run", "--repo", str(folder / "repo"), "--out", str(folder / "out"), "--model", "none", *only]) < 2
    return folder


def copy_of(audited: Path, tmp_path: Path) -> tuple[Path, Path]:
    for part in ("repo", "out"):
        for file in (audited / part).rglob("*"):
            if file.is_file():
                target = tmp_path / part / file.relative_to(audited / part)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    return tmp_path / "repo", tmp_path / "out"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code = main(["verify", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_fresh_audit_is_the_same(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for document in ("ANSWERS.md", "answers.json", "."):
        code, found = run(capsys, audited / "out" / document, "--repo", audited / "repo")
        assert code == 0 and found["summary"]["ok"] > 20
        assert found["summary"]["ok"] + found["summary"]["weak"] == found["summary"]["citations"]


def test_update_rewrites_what_moved(audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo, out = copy_of(audited, tmp_path)
    engine = repo / "captioner" / "engine.py"
    engine.write_text('"""New."""\n\n' + engine.read_text())
    code, found = run(capsys, out / "ANSWERS.md", "--repo", repo)
    assert code == 1 and found["summary"]["moved"] > 20 and not found["summary"]["changed"]
    one = next(citation for citation in found["citations"] if citation["verdict"] == "moved")
    assert one["now"]["start"] == one["start"] + 2
    before = (out / "ANSWERS.md").read_text()
    code, found = run(capsys, out / "ANSWERS.md", "--repo", repo, "--update")
    assert code == 0 and found["updated"] == found["summary"]["moved"]
    after = (out / "ANSWERS.md").read_text()
    assert after != before and len(after.split("\n")) == len(before.split("\n"))
    for document in ("ANSWERS.md", "answers.json"):
        code, found = run(capsys, out / document, "--repo", repo)
        assert code == 0 and not found["summary"]["moved"] and not found["summary"]["false"]
    report = json.loads((out / "answers.json").read_text())
    for citation in (
        c for s in report["stages"] for q in s["questions"] for claim in q["claims"] for c in claim["citations"]
    ):
        lines = (repo / citation["path"]).read_bytes().split(b"\n")[citation["start"] - 1 : citation["end"]]
        assert hashlib.sha256(b"\n".join(lines)).hexdigest() == citation["sha256"]


def test_what_changed_stays_for_a_person(audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo, out = copy_of(audited, tmp_path)
    engine = repo / "captioner" / "engine.py"
    engine.write_text(engine.read_text().replace("torch.cuda.empty_cache()", "torch.cuda.synchronize()"))
    code, found = run(capsys, out / "ANSWERS.md", "--repo", repo, "--update")
    assert code == 1 and found["summary"]["changed"] and found["updated"] == 0
    engine.unlink()
    code, found = run(capsys, out / "ANSWERS.md", "--repo", repo)
    assert code == 1 and found["summary"]["missing"] > 20


def test_mistakes(audited: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plain.md").write_text("Nothing.\n")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00\x01" * 50)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ANSWERS.md").write_text("# 1\n")
    (tmp_path / "broken" / "answers.json").write_text('{"schema": "answers/9"}')
    repo = ["--repo", str(audited / "repo")]
    for arguments, word in (
        ([str(tmp_path / "absent.md")], "absent.md"),
        ([str(tmp_path / "binary.md")], "binary"),
        ([str(tmp_path / "broken" / "ANSWERS.md")], "answers/9"),
        ([str(tmp_path / "plain.md"), "--update"], "--update"),
        ([], "DOCUMENT"),
        (["--selftest", str(tmp_path)], "no audit"),
    ):
        assert main(["verify", *arguments, *repo]) == 2
        out, err = capsys.readouterr()
        assert not out and err.startswith("error: ") and word in err and "\nhint: " in err
    assert main(["verify", str(tmp_path / "plain.md"), *repo]) == 0
    assert "no citation found" in capsys.readouterr().out
