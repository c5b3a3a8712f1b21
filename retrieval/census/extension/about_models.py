"""Which files are about models, so that what they fix is fixed of a model."""

from retrieval.census.models.roster import roster_of
from retrieval.codebase import Codebase


def about_models(codebase: Codebase) -> frozenset[str]:
    """The files that define, make or run models, and those that these import."""
    roster = roster_of(codebase)
    found = {made.frame.path for made in roster.made} | {use.frame.path for use in roster.uses}
    found |= {cls.path for cls in roster.family.bases}
    imported = {codebase.locate(item.module, path) for path in found for item in codebase.facts[path].imports}
    return frozenset(found | {path for path in imported if path is not None})


def beside_models(codebase: Codebase) -> frozenset[str]:
    """The files that import something out of a folder whose files make models, as the interface of its classes."""
    folders = {made.frame.path.rpartition("/")[0] for made in roster_of(codebase).made} - {""}
    return frozenset(
        path
        for path, facts in codebase.facts.items()
        if any((codebase.locate(item.module, path) or "").rpartition("/")[0] in folders for item in facts.imports)
    )
