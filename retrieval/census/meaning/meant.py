"""Which class or function of the repository a name means inside a body, imports inside functions included."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef, FunctionRef, alternatives

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Meant = ClassRef | FunctionRef


def meant(codebase: "Codebase", path: str, symbol: str, name: str) -> Meant | None:
    """The definition that `name` means in the body `symbol` of a file, None for anything else."""
    head, _, rest = name.partition(".")
    program, scope = program_of(codebase), symbol
    while scope and not rest:
        found, value = program.imported(path, scope, head)
        if found:
            return next((v for v in alternatives(value) if isinstance(v, ClassRef | FunctionRef)), None)
        scope = scope.rpartition(".")[0]
    local = codebase.resolve_local(path, name)
    if local is None:
        return None
    return ClassRef(*local) if local[1].kind == "class" else FunctionRef(*local)
