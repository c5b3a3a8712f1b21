"""The served report: the page as it is on disk, the progress of a running audit, and a box to ask.

Serves three files of one folder and nothing else. Who may come in is decided by guard.py.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.errors import AuditError
from agent.progress import read_standing
from agent.report.files import JSON, MARKDOWN, PAGE
from agent.report.live import render_shell
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from agent.conversation import Conversation

_TYPES = {PAGE: "text/html", MARKDOWN: "text/markdown", JSON: "application/json"}
POLL, HEARTBEAT = 0.5, 15.0  # seconds
LONGEST_QUESTION = 2000


@dataclass
class Served:
    """The report in `out`; `conversation` answers questions, None without a repository."""

    out: Path
    conversation: "Conversation | None" = None
    poll: float = POLL

    def app(self) -> Starlette:
        """The application, without its guard."""
        routes = [
            Route("/", self.shell),
            *(Route(f"/{name}", self.document, name=name) for name in _TYPES),
            Route("/events", self.events),
            Route("/ask", self.ask, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def shell(self, request: Request) -> Response:
        """The page around the report."""
        del request
        page, policy = render_shell(can_ask=self.conversation is not None)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def document(self, request: Request) -> Response:
        """One of the report's three files, as it is now."""
        name = request.url.path.lstrip("/")
        data = await anyio.to_thread.run_sync(self._read, name)
        if data is None:
            return PlainTextResponse("Nothing is written yet.\n", 404)
        return Response(data, media_type=_TYPES[name])

    def _read(self, name: str) -> bytes | None:
        """The file's bytes; None when it is not there, or only a link to somewhere else."""
        path = self.out / name
        if path.resolve().parent != self.out.resolve() or not path.is_file():
            return None
        return path.read_bytes()

    async def events(self, request: Request) -> Response:
        """Server-sent events: `standing` when the audit moves on, `page` when the report is written anew."""
        return StreamingResponse(self._watch(request), media_type="text/event-stream")

    async def _watch(self, request: Request) -> AsyncIterator[str]:
        told: dict[str, Any] = {}
        silent = 0.0
        while not await request.is_disconnected():
            now = {"standing": asdict(read_standing(self.out)), "page": self._version()}
            for name, value in now.items():
                if told.get(name, "") != value:
                    yield f"event: {name}\ndata: {json.dumps(value)}\n\n"
                    told[name], silent = value, 0.0
            if silent >= HEARTBEAT:
                yield ": still here\n\n"
                silent = 0.0
            await anyio.sleep(self.poll)
            silent += self.poll

    def _version(self) -> int | None:
        """What changes when the report is written anew; None without one."""
        try:
            return (self.out / PAGE).stat().st_mtime_ns
        except OSError:
            return None

    async def ask(self, request: Request) -> Response:
        """One question; the reply comes as JSON lines: facts first, then what the model adds."""
        if self.conversation is None:
            return PlainTextResponse("Start with --repo to ask.\n", 404)
        try:
            body = await request.json() if request.headers.get("content-type") == "application/json" else None
            question = " ".join(str(body["question"]).split()) if isinstance(body, dict) else ""
        except (ValueError, KeyError):
            question = ""
        if not 0 < len(question) <= LONGEST_QUESTION:
            return PlainTextResponse(f"A question has 1 to {LONGEST_QUESTION} characters.\n", 400)
        return StreamingResponse(_replies(self.conversation, question), media_type="application/x-ndjson")


async def _replies(conversation: "Conversation", question: str) -> AsyncIterator[str]:
    """What the conversation says, line by line, while a thread works."""
    send, receive = anyio.create_memory_object_stream[dict[str, Any]](100)

    def say(value: dict[str, Any]) -> None:
        anyio.from_thread.run(send.send, value)

    async def work() -> None:
        async with send:
            try:
                await anyio.to_thread.run_sync(conversation.ask, question, say)
            except (AuditError, RetrievalError) as error:
                await send.send({"kind": "error", "message": str(error), "hint": error.hint})

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        async for value in receive:
            yield json.dumps(value) + "\n"


def build_app(served: Served, names: frozenset[str], token: str = "") -> Any:
    """The application behind its guard; `names` are the values of `Host` that are answered."""
    from agent.guard import Guard

    return Guard(served.app(), names, token)
