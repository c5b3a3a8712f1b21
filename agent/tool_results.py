"""What the tools for other assistants return: typed, with the path and lines of everything, bounded in size."""

from pydantic import BaseModel, Field


class Place(BaseModel):
    """Lines of a file of the repository; 1-based, inclusive."""

    path: str
    start: int
    end: int


class Found(Place):
    """One piece of code that a search found. `score` orders the results and means nothing by itself."""

    symbol: str = Field(description="the definition around it, empty at module level")
    score: float
    text: str


class SearchResult(BaseModel):
    """The pieces of code nearest to a query, best first."""

    query: str
    files: int = Field(description="files of the repository that were read")
    results: list[Found]


class Occurrence(Place):
    """One place that a census query matches."""

    symbol: str
    role: str = Field(description="source, config, docs, example, test, vendored or generated")
    text: str


class Unreadable(BaseModel):
    """A file that the query should have read and could not."""

    path: str
    reason: str


class CensusAnswer(BaseModel):
    """Every place that a query matches; `total` counts them all, `hits` holds the first ones."""

    query: str
    files_searched: int = Field(description="what an empty answer rests on")
    total: int
    hits: list[Occurrence]
    unread: list[Unreadable]


class Statement(BaseModel):
    """One verified statement with the places that prove it."""

    text: str
    origin: str = Field(description="census: read from the code by parsing; model: a sentence that passed the verifier")
    level: int = Field(description="0 a statement, 1 and more an item under the statement before it")
    places: list[Place]
    places_total: int
    files_searched: int = Field(description="above 0 where the statement says that something is not there")


class Refusal(BaseModel):
    """A sentence of the model that the verifier refused, and why."""

    text: str
    faults: list[str]


class Reply(BaseModel):
    """The answer to a free question; `found` is false when nothing in the code answers it."""

    question: str
    status: str = Field(description="verified, extractive or unresolved")
    found: bool
    statements: list[Statement]
    queries: list[str] = Field(description="what was asked of the census")
    refused: list[Refusal]
    nearest: list[Place] = Field(description="unchecked places that the search offers where nothing answers")


class Finding(BaseModel):
    """Something that a document says of the repository and that is not so, or could not be confirmed."""

    document_line: int
    kind: str = Field(description="citation, name, code block, count or uncited")
    text: str
    verdict: str
    reason: str
    path: str = ""
    start: int | None = None
    end: int | None = None


class Verification(BaseModel):
    """What a document's statements about the repository are worth. `false` counts those that are not so."""

    false: int
    summary: dict[str, int]
    findings: list[Finding]
    findings_total: int
