"""What the pictures of a report are drawn from: who imports whom, where programs start, what they call in order.

Reads the census; draws nothing.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from agent.findings import Findings

FLOW = "flow: depth=2, roots=12"
_ASIDE = frozenset(("test", "example", "docs", "vendored", "generated"))


@dataclass(frozen=True)
class Structure:
    """`modules` are the paths of the main code, `imports` importer → imported → lines, `entries` path → where the
    programs start, `flow` the steps of the entry points in order (`detail`: depth, number, root, rank, does).
    """

    modules: tuple[str, ...] = ()
    imports: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    entries: dict[str, list[CensusHit]] = field(default_factory=dict)
    flow: tuple[CensusHit, ...] = ()


def read_structure(findings: "Findings") -> Structure:
    """The structure of the repository's Python code, tests and examples left out unless there is nothing else."""
    from retrieval.census.project.import_graph import edges

    codebase = findings.codebase
    python = [file for file in codebase.snapshot.files if file.language == "python" and file.data.strip()]
    main = [file.path for file in python if file.role not in _ASIDE] or [file.path for file in python]
    wanted = set(main)
    imports = {
        path: {target: lines for target, lines in targets.items() if target in wanted}
        for path, targets in edges(codebase).items()
        if path in wanted
    }
    entries: dict[str, list[CensusHit]] = {}
    for hit in findings.result("entry_points").hits:
        entries.setdefault(hit.path, []).append(hit)
    return Structure(tuple(main), imports, entries, findings.result(FLOW).hits)
