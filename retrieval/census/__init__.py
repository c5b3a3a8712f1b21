"""The census: exhaustive queries over the parsed code, each answered with every hit.

`language.py` parses and dispatches queries; the modules imported first below register their kinds. One folder per
subject: `code` is what is written, `meaning` what it means when it runs, the others stand on these two.
"""

from retrieval.census.code import (  # noqa: F401
    anytext,
    docstrings,
    metrics,
    numerals,
    printed,
    signatures,
    statements,
    syntax,
    uses,
    yields,
)
from retrieval.census.concurrency import (  # noqa: F401
    blocking,
    concurrency,
    concurrent_models,
    locks,
    queues,
    scheduling,
    stop_flags,
    task_states,
    thread_settings,
    waiting_lists,
    workers,
)
from retrieval.census.dependencies import (  # noqa: F401
    admitted,
    compatibility,
    conflicts,
    constraints,
    critical,
    dependencies,
    imported,
    optional_features,
    removed,
    version_notes,
    versions,
)
from retrieval.census.extension import (  # noqa: F401
    assumptions,
    coupled,
    dispatch,
    hierarchies,
    model_checks,
    modularity,
    plugin_contracts,
    registries,
    replaceable,
    swap_blockers,
)
from retrieval.census.failures import (  # noqa: F401
    cleanups,
    error_policy,
    failing,
    failure_checks,
    handlers,
    model_errors,
    retries,
)
from retrieval.census.files import cache_dirs, cache_homes, disk_roles, network_calls, storage, temporary  # noqa: F401
from retrieval.census.flow import (  # noqa: F401
    aborts,
    branches,
    callbacks,
    chains,
    clocks,
    course,
    decisions,
    entry_points,
    feedback,
    flags,
    flow,
    gates,
    loop_state,
    outline,
    periodic,
    pipeline,
    programs,
    served_inputs,
    served_ways,
    stage_order,
    started,
    tried_in_turn,
)
from retrieval.census.handover import (  # noqa: F401
    agreements,
    carriers,
    context,
    contracts,
    database_tables,
    demands,
    dict_flow,
    exchanged,
    forward_inputs,
    grown_dicts,
    handed_fields,
    handed_files,
    handoffs,
    input_contracts,
    kept,
    model_flow,
    option_globals,
    payloads,
    relay,
    returned,
    reuse,
    saved_state,
    shared_files,
    shared_modules,
    stores,
    streams,
    structures,
    travelling,
)
from retrieval.census.language import KINDS, Kind, Query, hit_at, kind, parse_query, run_query
from retrieval.census.meaning import filled_tables  # noqa: F401
from retrieval.census.memory import (  # noqa: F401
    caching,
    caching_answer,
    clearing,
    memory_answers,
    memory_bounds,
    memory_errors,
    memory_limits,
    memory_measures,
    memory_notes,
    moves,
    moves_by_file,
    piecewise,
    placements,
    recomputing,
    residency,
    unloading,
)
from retrieval.census.modalities import (  # noqa: F401
    fusions,
    modal_flow,
    modality_ties,
    multimodal,
    multimodal_messages,
    multimodal_models,
)
from retrieval.census.models import (  # noqa: F401
    attribute_chains,
    brought,
    config_models,
    factories,
    hub_models,
    model_objects,
    model_settings,
    model_specifications,
    model_summary,
    model_uses,
    models,
    weight_tables,
    weight_types,
)
from retrieval.census.project import components, import_graph, layers, overview, purpose, subjects, tree  # noqa: F401
from retrieval.census.quality import assessment, debt, debts, near_copies, quality  # noqa: F401
from retrieval.census.settings import (  # noqa: F401
    config_keys,
    config_objects,
    configs,
    environment,
    idle_options,
    option_effects,
    option_objects,
    option_ways,
    options,
    script_settings,
    settings,
)
from retrieval.census.telling import logged, recording, told_figures, usage_metrics  # noqa: F401
from retrieval.census.vision import (  # noqa: F401
    image_batches,
    image_transforms,
    vision,
    vision_answer,
    vision_functions,
    vision_named,
)
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
