"""Keeps `python -m agent` from importing out of the folder it is started in.

`python -m` puts the current folder first on the import path, so that inside a hostile repository its own
`agent/` would run. `deposition_safe_path.pth` in site-packages imports this module whenever the
environment's interpreter starts, which is before the folder is put there. Not covered: an interpreter
without that file. The console script and `python -P -m agent` need none of this.
"""

import os
import sys
from collections.abc import Sequence


class _DropCurrentFolder:
    """A finder that finds nothing: the first import that could use the folder takes it off the path."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109
            del sys.path[0]
            sys.meta_path.remove(self)


def starts_agent(argv: Sequence[str], orig_argv: Sequence[str]) -> bool:
    """Whether this interpreter was started as `python … -m agent …`."""
    if not argv or argv[0] != "-m" or len(orig_argv) <= len(argv):
        return False
    module = orig_argv[-len(argv)].removeprefix("-m")
    return module.split(".")[0] == "agent"


if starts_agent(sys.argv, sys.orig_argv) and not sys.flags.safe_path:
    sys.meta_path.insert(0, _DropCurrentFolder())
