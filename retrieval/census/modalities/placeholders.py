"""Token places that code keeps for what is no text: `IMAGE_TOKEN_INDEX`, `config.image_token_id`, `im_start_token`."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.prose import listed

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_PLACEHOLDER = re.compile(
    r"(?<![\w.\"'])(?:[A-Za-z_]\w*\.)*((?:DEFAULT_)?(?:IMAGE|VIDEO|AUDIO|IM|MEDIA|VISION|SPEECH)_(?:START_|PATCH_)?TOKEN"
    r"(?:_INDEX|_ID)?|(?:image|video|audio|im|media|vision|speech)_(?:start_|patch_|pad_)?token(?:_id|_index)?)\b(?!s?_?(?:emb|ind|feat))"
)
MOST = 3


def placeholders(frame: "Frame") -> str:
    """ " at the places of `IMAGE_TOKEN_INDEX`" where a body names such tokens, else ""."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    found = _PLACEHOLDER.finditer(frame.body.tree.text(node)) if node is not None else ()
    names = list(dict.fromkeys(f"`{one[1]}`" for one in found))
    return f" at the places of {listed(names, MOST)}" if names else ""
