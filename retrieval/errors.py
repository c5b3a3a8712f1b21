"""Errors of the retrieval side.

RetrievalError
├── RepositoryError    the path given is not a readable repository folder
├── QueryError         a census query does not parse, or names an unknown kind
├── EmbedderError      the embedding model is missing or cannot be loaded
└── IndexBroken        the index on disk cannot be used and could not be rebuilt
"""


class RetrievalError(Exception):
    """A retrieval step that cannot go on; `hint` says what the user can do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RepositoryError(RetrievalError):
    """The path given is not a readable repository folder."""


class QueryError(RetrievalError):
    """A census query does not parse, or names an unknown kind."""


class EmbedderError(RetrievalError):
    """The embedding model is missing or cannot be loaded."""


class IndexBroken(RetrievalError):
    """The index on disk cannot be used and could not be rebuilt."""
