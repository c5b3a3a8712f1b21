"""One true sentence about a declaration, for people: what is required, by whom, under which condition."""

import re

from retrieval.manifests.declaration import Declaration

_ATOM = re.compile(r"""^\(?\s*([a-z_]+)\s*(==|!=|<=|>=|<|>|in|not in)\s*["']([^"']*)["']\s*\)?$""")
CI = re.compile(r"(?:^|/)(?:\.github|\.gitlab|\.circleci|\.azure|\.buildkite)[^/]*/")
_PLATFORMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS", "cygwin": "Cygwin"}
_OS = ("sys_platform", "platform_system")


def shown(item: Declaration) -> str:
    """The declaration as it stands in the file, without its marker and comment; of a wheel's URL the file name."""
    if item.wheel:
        return item.wheel
    written = item.written.split(" ;")[0] if item.url else item.written.partition(";")[0]
    return " ".join(written.split()).rstrip(",")


def condition(marker: str) -> str:
    """An environment marker in words: "only on Linux x86_64"; the marker itself where words would bend it."""
    if not marker:
        return ""
    # `linux2` was the name of Linux before Python 3.3: on any Python 3 that alternative is never true.
    marker = re.sub(r"""\s+or\s+sys_platform\s*==\s*["']linux2["']$""", "", marker).strip()
    if marker.startswith("(") and marker.endswith(")") and marker.count("(") == 1:
        marker = marker[1:-1]
    parts = [_atom(part) for part in marker.split(" and ")]
    if " or " in marker or "(" in marker or None in parts:
        return f"only where `{marker}`"
    systems = [text for kind, text in filter(None, parts) if kind == "on"]
    others = [text for kind, text in filter(None, parts) if kind != "on"]
    return " ".join(
        filter(None, [f"only on {' '.join(_system_first(systems))}" if systems else "only", " and ".join(others)])
    ).strip()


def _system_first(words: list[str]) -> list[str]:
    return sorted(words, key=lambda word: word not in _PLATFORMS.values())


def _atom(text: str) -> tuple[str, str] | None:
    found = _ATOM.match(text.strip())
    if found is None:
        return None
    variable, operator, value = found.groups()
    if variable in _OS and operator == "==":
        return "on", _PLATFORMS.get(value.lower(), value)
    if variable == "platform_machine" and operator == "==":
        return "on", value
    if variable in ("python_version", "python_full_version"):
        return "for", f"for Python {operator} {value}"
    return None


def sentence(item: Declaration) -> str:
    """What the declaration says, in one sentence without its full stop."""
    if item.is_interpreter and item.specifier:
        keyword = re.match(r"[A-Za-z_-]+", item.written)
        return f"Python `{item.specifier}` is required (`{keyword[0] if keyword else 'python'}`)"
    head = f"`{item.name}`" if item.url else f"`{shown(item)}`"
    words = f"{head} {_predicate(item)}"
    note = condition(item.marker)
    return f"{words} ({note})" if note else words


def _predicate(item: Declaration) -> str:
    if item.ecosystem == "docker":
        return "is the Docker base image" + (", its tag set by a variable" if item.variable else "")
    if item.is_interpreter:
        return "sets the Python version"
    return f"{_who(item)}{_version(item)}"


def _who(item: Declaration) -> str:
    if item.scope == "extra":
        return f"is required by the extra `{item.group}`"
    if item.scope == "dev":
        return f"is a development dependency (`{item.group}`)" if item.group else ("is a development dependency")
    if item.scope == "build":
        return "is needed to build the package"
    if item.scope == "constraint":
        return "constrains the version that may be installed"
    if item.scope == "command":
        by = " of continuous integration" if CI.search(item.path) else ""
        return f"is installed by a command{by}" + (f" from the index `{item.group}`" if item.group else "")
    if item.scope == "lock":
        return "is locked"
    return f"is required by {item.group}" if item.group else "is required"


def _version(item: Declaration) -> str:
    if item.variable:
        return ", its version set by a variable"
    if item.url:
        fixed = f", fixed to `{item.exact}`" if item.exact else ", not fixed to a version"
        return f" from `{item.url}`{fixed}"
    if item.scope == "lock" or item.scope == "constraint":
        return ""
    if item.exact:
        return ", pinned to exactly this version"
    if item.specifier or item.ecosystem in ("npm", "go", "cargo"):
        return ""
    return " without a version constraint"
