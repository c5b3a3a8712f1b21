"""Archives, bare clones and git URLs become folders of code, and none of them gets anything past that."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.batch.fetch import fetch, forget, mark_of
from agent.batch.source import Source, find_sources
from retrieval.errors import RepositoryError
from retrieval.walk import take_snapshot

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "tool-1.0"
    (folder / "pkg").mkdir(parents=True)
    (folder / "README.md").write_text("# Tool\n")
    (folder / "pkg" / "main.py").write_text("print(1)\n")
    (folder / "link.py").symlink_to("/etc/passwd")
    return folder


def one(place: Path) -> Source:
    [source] = find_sources([str(place)])
    return source


def read(place: Path) -> tuple[dict[str, bytes], dict[str, str], tuple[str, ...]]:
    """Files read, entries skipped, and notes."""
    fetched = fetch(one(place))
    snapshot = take_snapshot(fetched.root)
    files = {file.path: file.data for file in snapshot.files}
    return files, {skip.path: skip.reason for skip in snapshot.skipped}, fetched.notes


@pytest.mark.parametrize("ending", ["tar.gz", "tar.xz", "zip"])
def test_an_archive_gives_the_folder_that_was_packed(project: Path, tmp_path: Path, ending: str) -> None:
    archive = tmp_path / f"tool-1.0.{ending}"
    if ending == "zip":
        (project / "link.py").unlink()  # it would be followed
        shutil.make_archive(str(archive.with_suffix("")), "zip", project.parent, project.name)
    else:
        with tarfile.open(archive, f"w:{ending[4:]}") as tar:
            tar.add(project, project.name)
    files, skipped, notes = read(archive)
    assert files == {"README.md": b"# Tool\n", "pkg/main.py": b"print(1)\n"}
    assert notes == ()
    assert take_snapshot(fetch(one(archive)).root).name == "tool-1.0"
    if ending != "zip":
        assert skipped["link.py"] == "symbolic link"
        assert take_snapshot(fetch(one(archive)).root).tree_hash == take_snapshot(project).tree_hash


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_nothing_leaves_the_folder_of_an_archive(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tar_of(
        tmp_path / "evil.tar.gz",
        (entry("../up.py"), b"x"),
        (entry(f"{outside}/absolute.py"), b"x"),
        (entry("a/../../up2.py"), b"x"),
        (entry("door", tarfile.SYMTYPE, str(outside)), b""),
        (entry("door/through.py"), b"x"),
        (entry("hard.py", tarfile.LNKTYPE, "/etc/passwd"), b""),
        (entry("pipe.py", tarfile.FIFOTYPE), b""),
        (entry("device", tarfile.CHRTYPE), b""),
        (entry("good.py"), b"print(2)\n"),
    )
    files, skipped, notes = read(archive)
    assert files == {"good.py": b"print(2)\n", "door/through.py": b"x"}
    assert skipped == {"hard.py": "symbolic link"}
    assert list(outside.iterdir()) == []
    assert notes == ("2 entries not unpacked: neither file nor folder", "3 entries not unpacked: outside the archive")
    assert not list(tmp_path.rglob("up*.py"))


def test_the_same_of_a_zip(tmp_path: Path) -> None:
    archive = tmp_path / "evil.zip"
    link = zipfile.ZipInfo("door")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("../up.py", "x")
        packed.writestr("/absolute.py", "x")
        packed.writestr("C:\\windows.py", "x")
        packed.writestr(link, "/etc")
        packed.writestr("good.py", "print(2)\n")
    files, skipped, notes = read(archive)
    assert files == {"good.py": b"print(2)\n"}
    assert skipped == {"door": "symbolic link"}
    assert notes == ("3 entries not unpacked: outside the archive",)


def test_a_bomb_takes_neither_disk_nor_time(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        with packed.open("zeros.py", "w", force_zip64=True) as file:
            for _ in range(400):
                file.write(bytes(1 << 20))
        packed.writestr("good.py", "print(2)\n")
    began = time.monotonic()
    files, skipped, _ = read(archive)
    assert list(files) == ["good.py"] and skipped["zeros.py"].startswith("larger than")
    assert time.monotonic() - began < 60
    used = sum(path.lstat().st_blocks * 512 for path in (tmp_path / "cache").rglob("*"))
    assert used < 1_000_000


@pytest.mark.parametrize("data", [b"", b"no archive at all", b"\x1f\x8b\x08\x00broken"])
@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
def test_a_broken_archive_is_told(tmp_path: Path, data: bytes, ending: str) -> None:
    archive = tmp_path / f"broken.{ending}"
    archive.write_bytes(data)
    with pytest.raises(RepositoryError, match="damaged"):
        fetch(one(archive))


def test_what_was_unpacked_is_kept_until_it_is_forgotten(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "tool.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(project, "tool")
    first = fetch(one(archive))
    assert fetch(one(archive)).root == first.root
    forget(one(archive))
    assert not first.root.exists()
    assert fetch(one(archive)).root == first.root


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def bare(project: Path, tmp_path: Path) -> Path:
    """A packed bare clone whose configuration would run programs if git were ever run in it."""
    git(project, "init", "-q")
    (project / ".gitignore").write_text("*.log\n")
    (project / "kept.log").write_text("tracked all the same\n")
    (project / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    git(project, "add", "-A", "-f")
    git(project, "commit", "-q", "-m", "first")
    clone = tmp_path / "tool.git"
    git(tmp_path, "clone", "-q", "--bare", str(project), str(clone))
    git(clone, "repack", "-q", "-a", "-d")
    git(clone, "config", "core.fsmonitor", f"touch {tmp_path}/ran")
    git(clone, "config", "filter.evil.smudge", f"touch {tmp_path}/ran")
    git(clone, "config", "core.alternateRefsCommand", f"touch {tmp_path}/ran")
    return clone


def test_a_bare_clone_is_read_as_its_checkout_without_git(bare: Path, project: Path, tmp_path: Path) -> None:
    source = one(bare)
    assert (source.kind, source.name) == ("bare", "tool")
    snapshot = take_snapshot(fetch(source).root)
    checkout = take_snapshot(project)
    assert snapshot.tree_hash == checkout.tree_hash and "kept.log" in snapshot.by_path
    assert snapshot.commit == git(project, "rev-parse", "HEAD").strip() == mark_of(source)
    assert {skip.path: skip.reason for skip in snapshot.skipped}["link.py"] == "symbolic link"
    assert not (tmp_path / "ran").exists()


def test_a_bare_clone_reads_nothing_of_others(bare: Path, tmp_path: Path) -> None:
    (bare / "objects" / "info" / "alternates").write_text("/elsewhere/objects\n")
    with pytest.raises(RepositoryError, match="borrows objects"):
        fetch(one(bare))
    (bare / "objects" / "info" / "alternates").unlink()
    os.mkfifo(bare / "objects" / "pack" / "pack-1.idx")
    with pytest.raises(RepositoryError, match="no plain file"):
        fetch(one(bare))
    (bare / "HEAD").unlink()
    os.mkfifo(bare / "HEAD")
    with pytest.raises(RepositoryError, match="newest commit"):
        fetch(Source("tool", "bare", str(bare)))


def test_a_damaged_clone_is_told(bare: Path) -> None:
    [pack] = (bare / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:100])
    with pytest.raises(RepositoryError, match="damaged"):
        fetch(one(bare))


@pytest.fixture
def server(bare: Path) -> Iterator[str]:
    """The bare clone behind a git server on this machine; its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["git", "daemon", "--export-all", f"--base-path={bare.parent}", f"--port={port}", "--listen=127.0.0.1"]
    process = subprocess.Popen([*command, str(bare)], stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"git://127.0.0.1:{port}/tool.git"
    os.killpg(process.pid, 15)
    process.wait()


def test_a_url_is_cloned_read_and_cloned_again_when_it_has_news(server: str, bare: Path, project: Path) -> None:
    [source] = find_sources([server])
    first = fetch(source)
    assert first.mark == mark_of(source) == git(project, "rev-parse", "HEAD").strip()
    assert "pkg/main.py" in take_snapshot(first.root).by_path
    (project / "more.py").write_text("print(3)\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "second")
    git(project, "push", "-q", str(bare), "HEAD:main")
    assert mark_of(source) != first.mark
    assert "more.py" in take_snapshot(fetch(source).root).by_path


def test_a_server_that_is_away_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="cannot be cloned"):
        fetch(Source("tool", "url", "git://127.0.0.1:1/tool.git"))


def test_an_archive_that_did_not_change_is_not_unpacked_again(project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "tool.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(project, "tool")
    command = [sys.executable, "-m", "agent", "batch", str(archive), "--out", str(tmp_path / "out"), "--model", "none"]
    command += ["--only", "11.3", "--workers", "1"]
    logs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent).stderr
        for _ in range(2)
    ]
    assert "tool: done in" in logs[0] and "tool: unchanged" in logs[1]
    assert not list((tmp_path / "cache" / "sources").iterdir())
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["repositories"][0]["source"] == {"kind": "archive", "place": str(archive)}
