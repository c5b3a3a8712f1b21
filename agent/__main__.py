"""`python -m agent`. The folder it is started in may be hostile, so it must not be a place to import from."""

import sys

if not sys.flags.safe_path and sys.path and not __file__.startswith(sys.path[0]):
    del sys.path[0]

from agent.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
