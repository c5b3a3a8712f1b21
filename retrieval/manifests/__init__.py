"""What a repository declares it needs: every dependency declaration with the lines it stands on.

`declaration` holds the values, `toml_lines` finds lines in TOML, the other modules each read one family of
files. Nothing is executed and nothing is installed; a file that does not parse becomes a `Broken`.
"""

from retrieval.manifests.declaration import (
    Broken,
    Declaration,
    Include,
    Item,
    Property,
    canonical,
)
from retrieval.manifests.reading import Manifests, read_manifests

__all__ = [
    "Broken",
    "Declaration",
    "Include",
    "Item",
    "Manifests",
    "Property",
    "canonical",
    "read_manifests",
]
