"""`python -m agent`, without importing anything from the folder it is started in.

Knows nothing of the commands. A hostile repository's own `agent/` is kept out by agent/safe_path.py.
"""

import os
import sys

if sys.path[0] == os.getcwd() != __file__.removesuffix("/agent/__main__.py"):  # noqa: PTH109
    del sys.path[0]  # before the next import: the folder may hold a json.py of its own

from agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
