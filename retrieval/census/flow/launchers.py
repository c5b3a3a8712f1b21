"""Where programs are started from outside the code: commands in scripts, containers, CI and READMEs, web
applications, and notebooks.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.flow.entries import Entry
from retrieval.census.flow.served import served_entries
from retrieval.census.flow.subcommands import parser_names
from retrieval.facts import Call, FileFacts
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

_LAUNCH = re.compile(
    r"(?:^|[\s;&|\"'\[(=`@/\\-])"
    r"((?:(?:python[\d.]*w?(?:\.exe)?|torchrun|accelerate\s+launch|deepspeed|streamlit\s+run|chainlit\s+run|"
    r"uvicorn|gunicorn|hypercorn|celery|ray\s+(?:job\s+submit|start)|mpirun|srun)\b"
    r"|[%$]\{?\w*(?:PYTHON|python|PY)\w*\}?%?)[\s\"',].*)"
)
_TARGET = re.compile(r"(?:[\w./${}-]+\.py\b|(?:^|\s)-m\s+[\w.]+|\b[\w.]+:\w+)")
_PRE = re.compile(r"</?(?:pre|code)\b[^>]*>", re.IGNORECASE)
_INDENTED, _INLINE = re.compile(r"(?: {4}|\t)\s*\S"), re.compile(r"`([^`\n]+)`")
_CHORE = re.compile(
    r"\s-m\s+(?:pip|pytest|build|venv|unittest|twine|black|isort|flake8|mypy|ruff|pylint|coverage|"
    r"ensurepip|tox|virtualenv|compileall|http\.server)\b|\bsetup\.py\b|\bpip3?\s+install\b|\bpytest\b"
)
_ALONE = frozenset(
    {"--rm", "--init", "--detach", "--privileged", "--interactive", "--tty", "-d", "-i", "-t", "-it", "-ti"}
)
LONGEST = 300
_READ = frozenset({"shell", "make", "dockerfile", "batch", "powershell"})
_CI = re.compile(
    r"(^|/)(\.github/workflows/|\.gitlab-ci|\.circleci/|azure-pipelines|docker-compose|compose\.ya?ml|cog\.ya?ml|Procfile)"
)
_APPS = {
    "flask.Flask": "Flask",
    "fastapi.FastAPI": "FastAPI",
    "gradio.Blocks": "Gradio",
    "gradio.Interface": "Gradio",
    "gradio.ChatInterface": "Gradio",
    "gradio.TabbedInterface": "Gradio",
    "starlette.applications.Starlette": "Starlette",
    "aiohttp.web.Application": "aiohttp",
    "dash.Dash": "Dash",
    "bottle.Bottle": "Bottle",
    "sanic.Sanic": "Sanic",
    "litserve.LitServer": "LitServe",
    "mcp.server.fastmcp.FastMCP": "MCP server",
}


def outside_entries(program: "Program") -> Iterator[Entry]:
    """Commands, web applications and notebooks, in the order of the files."""
    for file in program.snapshot.files:
        if file.role in ("generated", "vendored"):
            continue
        if file.language in _READ or _CI.search(file.path):
            yield from _commands(program, file, fenced=False)
        elif file.language == "markdown" and file.path.count("/") <= 1:
            yield from _commands(program, file, fenced=True)
    launching = _launching(program)
    for path, facts in program.facts.items():
        if facts.language == "notebook":
            yield _notebook(program, path, facts)
        elif facts.language == "python":
            yield from _apps(path, facts, launching)
            yield from _parsers(program, path)
    yield from served_entries(program)


def _commands(program: "Program", file: SourceFile, *, fenced: bool) -> Iterator[Entry]:
    inside, number = not fenced, 0
    while number < len(file.lines):
        number += 1
        line = file.lines[number - 1]
        if fenced and line.lstrip().startswith("```"):
            inside = not inside
            continue
        marked = fenced and _PRE.search(line) is not None
        line = _PRE.sub(" ", line).strip() if marked else line
        spans = [line] if inside or marked or _INDENTED.match(line) else _INLINE.findall(line)
        code = next((span for span in spans if _LAUNCH.search(span)), "")
        match = _LAUNCH.search(code) if code and not _is_comment(file, line) else None
        if match is None:
            continue
        start, command = number, match[1]
        while command.rstrip().endswith("\\") and number < len(file.lines):
            command = command.rstrip()[:-1].rstrip() + " " + _PRE.sub(" ", file.lines[number]).strip()
            number += 1
        if _CHORE.search(command) or not _TARGET.search(command):
            continue
        command = _closed(re.sub(r"""["']\s*,\s*["']""", " ", command))
        command = (
            _in_container(command) if code[: match.start(1)].endswith(("--entrypoint ", "--entrypoint=")) else command
        )
        shown = " ".join(command.replace("`", "'").split())
        shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 1].rsplit(" ", 1)[0] + " …"
        verb = "documents the command" if fenced else "runs"
        text = f"{file.path} {verb} `{shown}`{_missing(program, command)}"
        yield Entry("command", file.path, (start, number), shown, text)


def _parsers(program: "Program", path: str) -> Iterator[Entry]:
    """The sub-commands of the command line that a file builds."""
    names = parser_names(program, path)
    if names and program.snapshot.by_path[path].role == "source":
        lines = (min(first for first, _ in names.values()), max(last for _, last in names.values()))
        listed = ", ".join(f"`{name}`" for name in names)
        yield Entry("command", path, lines, "sub-commands", f"the command line of {path} has the sub-commands {listed}")


def _in_container(command: str) -> str:
    """What `docker run --entrypoint python OPTIONS IMAGE ARGUMENTS` runs: `python ARGUMENTS`."""
    program, *words = command.split()
    while words and words[0].startswith("-"):
        alone = "=" in words[0] or words[0] in _ALONE
        words = words[1:] if alone else words[2:]
    return " ".join([program, *words[1:]])


def _closed(command: str) -> str:
    """A command without the quote that ends the text around it; one that closes a quote of its own stays."""
    command = command.rstrip(", \t")
    while command[-1:] in ("'", '"', "]"):
        last = command[-1]
        loose = command.count("[") < command.count("]") if last == "]" else command.count(last) % 2 == 1
        if not loose:
            break
        command = command[:-1].rstrip()
    return command


def _missing(program: "Program", command: str) -> str:
    """A note when no file of the repository has the name of the script that the command runs."""
    script = re.search(r"(?:^|\s)([\w./-]+\.py)\b", command)
    if script is None:
        return ""
    name = script[1].removeprefix("./")
    known = any(f"/{path}".endswith(f"/{name}") for path in program.facts) or files_from_above(program, name)
    return "" if known else f" ({name} is not in this copy of the repository)"


def files_from_above(program: "Program", written: str) -> list[str]:
    """The files that a path may name from a folder above the repository: `clone/pkg/run.py` is `pkg/run.py`.

    Leading parts are dropped until files end with the rest; one part is enough of a rest where the repository's own
    name was dropped.
    """
    parts = PurePosixPath(written).parts
    for at in range(1, len(parts)):
        tail = "/".join(parts[at:])
        if tail in program.facts and parts[at - 1] == program.snapshot.name:
            return [tail]
        ends = [path for path in program.facts if f"/{path}".endswith(f"/{tail}")]
        if ends and at < len(parts) - 1:
            return ends
    return []


def _is_comment(file: SourceFile, line: str) -> bool:
    return file.language != "markdown" and line.lstrip().startswith(("#", "REM ", "::"))


def _launching(program: "Program") -> frozenset[str]:
    """The files that launch a Gradio interface: where some do, what other files build is a part of theirs."""
    starts = (".launch", ".mount_gradio_app", "mount_gradio_app")
    return frozenset(p for p, f in program.facts.items() if any(call.written.endswith(starts) for call in f.calls))


def _apps(path: str, facts: FileFacts, launching: frozenset[str]) -> Iterator[Entry]:
    for call in facts.calls:
        part = call.name.startswith("gradio.") and launching and path not in launching
        if call.name in _APPS and not part:
            text = f"{path} builds a {_APPS[call.name]} application: `{call.written}(…)`"
            yield Entry("web app", path, (call.start, call.end), call.name, text)
    if (first := _streamlit(facts)) is not None:
        imported = next(item for item in facts.imports if item.module == "streamlit")
        text = f"{path} is a Streamlit page: it calls `{first.written}()` at top level"
        yield Entry("web app", path, (imported.start, first.end), "streamlit", text)


def _streamlit(facts: FileFacts) -> Call | None:
    """The first Streamlit call at the top level of a file that imports it."""
    if not any(item.module == "streamlit" for item in facts.imports):
        return None
    return next(
        (
            call
            for call in facts.calls
            if call.name.startswith("streamlit.")
            and not call.symbol
            and not call.name.startswith("streamlit.cache")
            and not call.name.startswith("streamlit.experimental")
        ),
        None,
    )


def _notebook(program: "Program", path: str, facts: FileFacts) -> Entry:
    used: dict[str, None] = {}
    for call in facts.calls:
        found = program.codebase.resolve_call(path, call)
        if found is not None and found[0] != path:
            suffix = "" if found[1].kind == "class" else "()"
            used[f"`{found[1].symbol}{suffix}`"] = None
    names = list(used)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    text = f"the notebook {path} uses {shown}" if names else f"{path} is a notebook"
    return Entry("notebook", path, (1, max(1, facts.lines)), PurePosixPath(path).stem, text)
