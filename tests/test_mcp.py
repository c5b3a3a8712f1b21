"""The tools for other assistants, called by the protocol SDK's own client over standard input and output."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp", reason="the protocol's SDK is not installed (pip install -e .[test])")

from mcp import Client, StdioServerParameters

from agent.options import AuditOptions
from agent.tools import Tools
from retrieval.embed import HashEmbedder

FILES = {
    "README.md": "# Shop\n\nScores images.\n",
    "shop/__init__.py": "",
    "shop/score.py": (
        "import gc\nimport torch\n\n\n"
        "def load(path):\n    return torch.load(path)\n\n\n"
        "def score(image):\n    model = load('a.pt')\n    result = model(image)\n    gc.collect()\n    return result\n"
    ),
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return tmp_path / "shop"


@asynccontextmanager
async def connected(repo: Path) -> AsyncIterator[Client]:
    """A client of a server that runs in its own process."""
    arguments = ["-P", "-m", "agent", "mcp", "--repo", str(repo), "--model", "none"]
    environment = {"DEPOSITION_CACHE": str(repo.parent / "cache"), "PYTHONPATH": str(Path(__file__).parents[1])}
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=environment)
    async with Client(parameters, read_timeout_seconds=120) as client:
        yield client


def called(repo: Path, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """The results of tool calls in one session: structured content, or the text of an error."""

    async def run() -> list[Any]:
        results = []
        async with connected(repo) as client:
            for tool, arguments in calls:
                result = await client.call_tool(tool, arguments)
                said = "".join(getattr(part, "text", "") for part in result.content)
                results.append(said if result.is_error else result.structured_content)
        return results

    return anyio.run(run)


def test_the_tools_are_listed_with_their_types(repo: Path) -> None:
    async def listed() -> tuple[list[Any], str]:
        async with connected(repo) as client:
            return (await client.list_tools()).tools, client.instructions or ""

    tools, instructions = anyio.run(listed)
    assert [tool.name for tool in tools] == ["search", "census", "ask", "verify"]
    for tool in tools:
        assert tool.output_schema and tool.description and tool.annotations.read_only_hint
        assert "context" not in tool.input_schema["properties"]
    assert "`shop`" in instructions and "calls: " in instructions


def test_a_census_counts_and_names_every_place(repo: Path) -> None:
    found, none, limited, wrong = called(
        repo,
        ("census", {"query": "calls: torch.load, gc.collect"}),
        ("census", {"query": "calls: pickle.load"}),
        ("census", {"query": "calls: torch.load, gc.collect", "limit": 1}),
        ("census", {"query": "nonsense: x"}),
    )
    assert [(hit["path"], hit["start"], hit["symbol"]) for hit in found["hits"]] == [
        ("shop/score.py", 6, "load"),
        ("shop/score.py", 12, "score"),
    ]
    assert none["total"] == 0 and none["files_searched"] == 2
    assert limited["total"] == 2 and len(limited["hits"]) == 1
    assert "nonsense" in wrong and "hint: " in wrong


def test_an_answer_names_its_places(repo: Path) -> None:
    reply, absent = called(
        repo,
        ("ask", {"question": "Where is `load` called?"}),
        ("ask", {"question": "Where is `launch_rocket` called?"}),
    )
    places = [place for statement in reply["statements"] for place in statement["places"]]
    assert {"path": "shop/score.py", "start": 10, "end": 10} in places
    assert reply["found"] and not absent["found"]
    assert any(statement["files_searched"] for statement in absent["statements"])


def test_a_search_gives_places_with_their_text(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPOSITION_CACHE", str(repo.parent / "cache"))
    with Tools(AuditOptions(repo=repo, model="none"), embedder=HashEmbedder()) as tools:
        result = tools.search("load the weights with torch.load", 3, lambda event: None)
    assert result.files == 3 and len(result.results) <= 3
    best = next(found for found in result.results if found.path == "shop/score.py")
    assert "torch.load" in best.text
    assert best.text == "\n".join(FILES[best.path].split("\n")[best.start - 1 : best.end])


def test_a_document_is_verified(repo: Path) -> None:
    text = "The weights are loaded with `torch.load` (`shop/score.py:6`).\n\nThey are freed in `shop/gone.py:3`.\n"
    [result] = called(repo, ("verify", {"document": text}))
    assert result["false"] >= 1
    cited = [(f["document_line"], f["verdict"]) for f in result["findings"] if f["kind"] == "citation"]
    assert cited == [(3, "missing")]


def test_files_that_change_are_read_again(repo: Path) -> None:
    async def run() -> list[int]:
        totals = []
        async with connected(repo) as client:
            for _ in range(2):
                result = await client.call_tool("census", {"query": "calls: gc.collect"})
                totals.append(result.structured_content["total"])
                (repo / "shop" / "more.py").write_text("import gc\ngc.collect()\n")
        return totals

    assert anyio.run(run) == [1, 2]


def test_nothing_but_the_protocol_is_written_to_standard_output(repo: Path) -> None:
    opening = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    call = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "census", "arguments": {"query": "env_vars"}},
    }
    lines = [opening, {"jsonrpc": "2.0", "method": "notifications/initialized"}, call]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "agent", "mcp", "--repo", str(repo), "--model", "none"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={"DEPOSITION_CACHE": str(repo.parent / "cache"), "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdin and process.stdout
    process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
    process.stdin.flush()
    answers = {}
    while 2 not in answers:
        message = json.loads(process.stdout.readline())
        assert message["jsonrpc"] == "2.0"
        answers[message.get("id")] = message
    process.stdin.close()
    assert process.stdout.read() == "" and process.wait(30) == 0
    assert answers[2]["result"]["structuredContent"]["total"] == 0


def test_a_wrong_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from agent.cli import main

    assert main(["mcp", "--repo", str(tmp_path / "nowhere")]) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("error: ") and "hint: " in output.err
