"""Which optional parts of the program are installed, and how to install the others."""

import sys
from importlib.util import find_spec

from agent.errors import UserError

_MODULES = {"mcp": ("mcp",), "serve": ("starlette", "uvicorn")}


def require(extra: str) -> None:
    """Raises UserError with the command that installs `extra` ("mcp", "serve") when it is not installed."""
    missing = [name for name in _MODULES[extra] if find_spec(name) is None]
    if missing:
        raise UserError(
            f"{extra} needs {' and '.join(missing)}, which this installation lacks",
            f"{sys.executable} -m pip install {' '.join(missing)}",
        )
