"""The served report: who may come in, which files go out, live progress, and the box to ask."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("starlette", reason="starlette is not installed (pip install -e .[test])")

from agent.audit import AuditOptions, run_audit
from agent.cli import main
from agent.events import AuditStarted, Finished, Progress, StageFinished
from agent.guard import Guard, is_loopback
from agent.progress import NAME, ProgressFile, read_standing
from agent.serve import Served, build_app

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "a-secret-nobody-guesses"
FILES = {"README.md": "# Toy\n\nRuns.\n", "toy.py": "import gc\n\n\ndef free():\n    gc.collect()\n\n\nfree()\n"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `toy`, a repository, and `out`, its report."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "toy").mkdir()
    for name, text in FILES.items():
        (folder / "toy" / name).write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPOSITION_CACHE", str(folder / "cache"))
        run_audit(AuditOptions(repo=folder / "toy", out=folder / "out", model="none", only=("1",)))
    return folder


@pytest.fixture(scope="module")
def address(audited: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-P", "-m", "agent", "serve", "--out", str(audited / "out"), "--port", "0"]
    command += ["--repo", str(audited / "toy"), "--model", "none"]
    environment = {**os.environ, "DEPOSITION_CACHE": str(audited / "cache"), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.stdout.read() == ""


def test_the_page_is_the_one_on_disk_and_nothing_else_is_served(address: str, audited: Path) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    for name in ("report.html", "ANSWERS.md", "answers.json"):
        assert httpx.get(address + name).content == (audited / "out" / name).read_bytes()
    (audited / "out" / "other.txt").write_text("private")
    for name in ("other.txt", NAME, "../toy/toy.py", "%2e%2e/toy/toy.py", "report.html/../../toy/toy.py", "etc/passwd"):
        assert httpx.get(address + name).status_code == 404
    shell = httpx.get(address)
    assert "'self'" in shell.headers["content-security-policy"]
    assert "unsafe" not in shell.headers["content-security-policy"]
    assert shell.headers["x-content-type-options"] == "nosniff"


def test_a_link_out_of_the_folder_is_not_followed(audited: Path, tmp_path: Path) -> None:
    (tmp_path / "report.html").symlink_to(audited / "toy" / "toy.py")
    assert get(build_app(Served(tmp_path), frozenset({"test"})), "/report.html").status_code == 404


def get(app: Guard, path: str, **headers: str) -> httpx.Response:
    """One request to an application in this process, as `Host: test` unless told otherwise."""
    import anyio

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return anyio.run(asked)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "evil.example"}, 421),
        ({"host": "test.evil.example"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://test"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
def test_only_this_machines_own_pages_are_answered(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    assert get(build_app(Served(tmp_path), frozenset({"test"})), "/", **headers).status_code == status


def test_a_token_is_asked_of_everybody(tmp_path: Path) -> None:
    app = build_app(Served(tmp_path), frozenset({"test"}), TOKEN)
    assert get(app, "/").status_code == 401
    assert get(app, "/?token=wrong").status_code == 401
    assert get(app, "/", authorization=f"Bearer {TOKEN}").status_code == 200
    entry = get(app, f"/?token={TOKEN}")
    assert entry.status_code == 303 and entry.headers["location"] == "/"
    cookie = entry.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert get(app, "/report.html", cookie=cookie.split(";")[0]).status_code == 404
    assert get(app, "/report.html").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "lets others in"),
        (["--host", "192.0.2.1", "--token", "short"], "5 characters"),
        (["--out", "/nowhere/at/all"], "is no folder"),
        (["--repo", "/nowhere/at/all"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--port", "0", "--out", str(tmp_path), *arguments]) == 2
    output = capsys.readouterr()
    assert said in output.err and "hint: " in output.err and output.out == ""


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--out", str(tmp_path), "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen" in capsys.readouterr().err


def test_loopback_is_told_from_other_addresses() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.0.1", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.5", "localhost.evil.example", "")))


def test_a_question_is_answered_with_its_lines(address: str) -> None:
    response = httpx.post(address + "ask", json={"question": "Where is `free` called?"}, timeout=120)
    said = [json.loads(line) for line in response.text.splitlines()]
    reply = said[-1]["reply"]
    assert said[-1]["kind"] == "reply" and reply["status"] == "verified"
    citations = [citation for claim in reply["claims"] for citation in claim["citations"]]
    called = next(c for c in citations if c["start"] == 8)
    assert called["path"] == "toy.py" and called["lines"]["texts"][8 - called["lines"]["first"]] == "free()"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"question": ""}', b'{"question": "' + b"x" * 3000 + b'"}'])
def test_what_is_no_question_is_refused(address: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert httpx.post(address + "ask", content=body, headers=headers).status_code == 400
    assert httpx.post(address + "ask", data={"question": "as a form"}).status_code == 400


def events(address: str, until: str) -> list[tuple[str, object]]:
    """Server-sent events up to one of kind `until`."""
    found: list[tuple[str, object]] = []
    with httpx.stream("GET", address + "events", timeout=30) as response:
        kind = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: "))))
                if kind == until:
                    return found
    return found


def test_events_tell_the_standing_and_each_new_page(address: str, audited: Path) -> None:
    standing, page = events(address, "page")
    assert standing[0] == "standing" and standing[1]["state"] == "finished"  # type: ignore[index]
    threading.Timer(1.0, lambda: os.utime(audited / "out" / "report.html")).start()
    with httpx.stream("GET", address + "events", timeout=30) as response:
        versions = []
        for line in response.iter_lines():
            if line.startswith("data: ") and line.removeprefix("data: ").isdigit():
                versions.append(int(line.removeprefix("data: ")))
            if len(versions) == 2:
                break
    assert versions[0] == page[1] and versions[1] > versions[0]


def test_the_progress_file_follows_the_events_and_goes_away(tmp_path: Path) -> None:
    heard: list[object] = []
    with ProgressFile(tmp_path) as progress:
        listener = progress.tee(heard.append)
        listener(AuditStarted("toy", 3, 0, 17, 55))
        assert read_standing(tmp_path).state == "running"
        listener(Progress("facts", 1, 3))
        listener(StageFinished("s01", (), 1.0))
        standing = read_standing(tmp_path)
        assert (standing.repository, standing.stages, standing.questions) == ("toy", 17, 55)
    time.sleep(0.6)
    listener(Finished("out", 0, 0, 0, 0, 0, 0.0, 0))
    assert len(heard) == 4
    assert list(tmp_path.iterdir()) == []
    assert read_standing(tmp_path).state == "finished"


def test_an_audit_that_died_is_not_shown_as_running(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ProgressFile(tmp_path) as progress:
        progress.listen(AuditStarted("toy", 3, 0, 17, 55))
        raise RuntimeError
    assert read_standing(tmp_path).state == "interrupted"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    value = json.loads((tmp_path / NAME).read_text()) | {"state": "running", "pid": gone.pid}
    (tmp_path / NAME).write_text(json.dumps(value))
    assert read_standing(tmp_path).state == "interrupted"
    (tmp_path / NAME).write_text("{broken")
    assert read_standing(tmp_path).state == "finished"


def test_the_page_is_written_while_the_audit_runs(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.progress.PAGE_BETWEEN", 0.0)
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    seen: list[str] = []

    def listen(event: object) -> None:
        page = tmp_path / "out" / "report.html"
        if isinstance(event, StageFinished) and page.exists():
            seen.append(page.read_text("utf-8"))

    run_audit(AuditOptions(repo=audited / "toy", out=tmp_path / "out", model="none", only=("1", "6")), listen)
    assert any("Unfinished: 5 of 8 questions so far" in page for page in seen)
    final = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Unfinished" not in final
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ANSWERS.md", "answers.json", "report.html"]


def test_in_a_browser(address: str, audited: Path) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.open_browser() as browser:
        page = browser.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.goto(address)
        report = page.frame_locator("#report")
        report.locator("article .c").first.click()
        assert report.locator("#pane").is_visible()
        page.locator("#open").click()
        page.locator("#question").fill("Where is `free` called?")
        page.keyboard.press("Enter")
        page.locator("#talk .badge.verified").wait_for(timeout=60_000)
        page.locator("#talk .c", has_text="toy.py:8").first.click()
        assert page.locator("#talk pre .on").first.inner_text().endswith("free()")
        (audited / "out" / NAME).write_text(
            json.dumps({"state": "running", "pid": os.getpid(), "repository": "toy", "questions": 8, "answered": 5})
        )
        page.locator("#bar.running").wait_for(timeout=10_000)
        assert "5 of 8 questions" in page.locator("#count").inner_text()
        (audited / "out" / NAME).unlink()
        page.locator("#bar.finished").wait_for(timeout=10_000)
        before = page.evaluate("document.querySelector('#report').src")
        time.sleep(0.1)
        os.utime(audited / "out" / "report.html")
        page.locator(f"#report:not([src='{before.removeprefix(address.rstrip('/'))}'])").wait_for(timeout=10_000)
        assert not troubles
