"""The census: exhaustive queries over the parsed code, each answered with every hit.

`language.py` parses and dispatches queries; the modules imported below register the kinds.
"""

from retrieval.census import (  # noqa: F401  register their kinds
    anytext,
    branches,
    cache_dirs,
    compatibility,
    configs,
    conflicts,
    constraints,
    context,
    debt,
    dependencies,
    entry_points,
    filled_tables,
    flow,
    forward_inputs,
    handlers,
    handoffs,
    hierarchies,
    import_graph,
    imported,
    input_contracts,
    memory_errors,
    memory_notes,
    metrics,
    model_uses,
    models,
    moves,
    options,
    overview,
    periodic,
    printed,
    quality,
    registries,
    returned,
    signatures,
    statements,
    storage,
    structures,
    syntax,
    thread_settings,
    tree,
    uses,
    version_notes,
    yields,
)
from retrieval.census.language import KINDS, Kind, Query, hit_at, kind, parse_query, run_query
from retrieval.facts import CensusHit, CensusResult

__all__ = [
    "KINDS",
    "CensusHit",
    "CensusResult",
    "Kind",
    "Query",
    "hit_at",
    "kind",
    "parse_query",
    "run_query",
]
