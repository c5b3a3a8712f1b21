"""The tools over the Model Context Protocol, for other assistants. The one import of the protocol's SDK.

The SDK keeps standard output for the protocol and sends whatever else is written there to standard error.
"""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Annotated, TypeVar

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from agent.errors import AuditError
from agent.events import Event, Progress, Tokens
from agent.tool_results import CensusAnswer, Reply, SearchResult, Verification
from agent.tools import Tools
from retrieval.errors import RetrievalError

R = TypeVar("R")

_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
Query = Annotated[str, Field(description="what to look for, in words", min_length=1, max_length=2000)]
CensusQuery = Annotated[str, Field(description="as 'calls: torch.load, gc.collect'", min_length=1, max_length=2000)]
Question = Annotated[str, Field(description="one question about this code", min_length=1, max_length=2000)]
Document = Annotated[str, Field(description="Markdown that cites as path:12 or path:12-40", max_length=2_000_000)]
Results = Annotated[int, Field(description="how many results", ge=1, le=50)]
Limit = Annotated[int, Field(description="how many hits to return; all are counted", ge=1, le=2000)]


def build_server(tools: Tools, repository: str, instructions: str) -> MCPServer:
    """A server that offers `tools`; `instructions` tell an assistant when to use which."""
    server = MCPServer(
        name="deposition",
        title=f"Deposition: {repository}",
        instructions=instructions,
        version=version("deposition"),
        log_level="WARNING",
    )

    @server.tool(title="Search the code", annotations=_READS)
    async def search(context: Context, query: Query, k: Results = 8) -> SearchResult:
        """Find the pieces of code nearest to a query, by meaning and by words, with path and lines."""
        return await _call(context, partial(tools.search, query, k))

    @server.tool(title="Find every place", annotations=_READS)
    async def census(context: Context, query: CensusQuery, limit: Limit = 100) -> CensusAnswer:
        """Find every place in the code that a census query describes, and say how many files were searched."""
        return await _call(context, partial(tools.census, query, limit))

    @server.tool(title="Ask about the code", annotations=_READS)
    async def ask(context: Context, question: Question) -> Reply:
        """Answer one question about the code with verified statements, each with the lines that prove it."""
        return await _call(context, partial(tools.ask, question))

    @server.tool(title="Verify a document", annotations=_READS)
    async def verify(context: Context, document: Document) -> Verification:
        """Check what a Markdown text says of the code: citations, names, code blocks, counts."""
        return await _call(context, partial(tools.verify, document))

    return server


async def _call(context: Context, tool: Callable[[Callable[[Event], None]], R]) -> R:
    """Run a tool in a thread, report its progress, and word its failure for the assistant."""
    try:
        return await anyio.to_thread.run_sync(tool, partial(_report, context))
    except (AuditError, RetrievalError) as error:
        raise ToolError(f"{error} (hint: {error.hint})" if error.hint else str(error)) from error


def _report(context: Context, event: Event) -> None:
    if isinstance(event, Progress):
        anyio.from_thread.run(context.report_progress, event.done, event.total, event.phase)
    elif isinstance(event, Tokens):
        anyio.from_thread.run(context.report_progress, event.done, None, event.phase)
