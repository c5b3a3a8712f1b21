"""Names of options, fields and entries that speak of memory or of the size of pieces, and which of them tell most."""

import re

from retrieval.facts import CensusHit

SAVING = re.compile(
    r"(?i)(?:^|[-_])(?:(?:use[-_])?small(?:[-_]?models?)?(?=$)|low[-_]?(?:v?ram|mem\w*|resources?)|offload\w*|\w*vram\w*|half"
    r"|fp16|bf16|(?:mixed[-_])?precision|use[-_]amp|amp(?![-_])|(?:torch[-_])?dtype|int8|use[-_]bnb\w*"
    r"|grad(?:ient)?[-_]?(?:ckpt|checkpoint\w*)|ckpt[-_]layers?|accum[-_]?\w*|\w*accumulation\w*|freeze\w*"
    r"|lock[-_](?:image|text|\w*tower|\w*encoder)|patch[-_]dropout|queue[-_]?(?:max[-_]?)?size|canvas[-_]?size"
    r"|use[-_]?checkpoint|load[-_]?in[-_]?\dbit|quanti[sz](?:ed?|ation\w*)(?=$)|tile\w*|max[-_]?mem\w*|cpu[-_]?offload\w*"
    r"|(?:gpu|cpu|video|system|native|device|pin|max|min|low|release|free)[-_]\w*memory\w*|memory[-_](?:limit|cap|fraction|efficient"
    r"|strategy|budget|mode|util)\w*|\w+[-_]memory[-_](?:limit|cap|fraction|efficient|strategy|budget|mode|util)\w*|lora[-_]enable"
    r"|use[-_]q?lora|sequential\w*offload|xformers|attention[-_]slicing|processing[-_]window[-_]?size|\w*batch[-_]?size\w*"
    r"|chunk[-_]?(?:size|length|frames?)|max[-_]?(?:slice[-_]?nums?|num[-_]?frames?|frames?)|gpu[-_]?layers|gpu[-_]?split"
    r"|cache[-_]?(?:type|size)|\w*max[-_]?pixels\w*|ctx[-_]?size|cpu[-_]?moe|idle[-_]?timeout|CACHED?_\w*NUM)(?:[-_]|$)"
)
_RANKED = tuple(
    re.compile(text, re.I)
    for text in (
        r"offload|vram|memory|low[-_]?(?:v?ram|mem)|unload|idle|gpu[-_]?(?:layers|split)|moe",
        r"quanti|bit$|int8|half|fp16|bf16|dtype|precision|amp",
        r"batch|accum|chunk|frame|slice|tile|queue|window|canvas|size",
    )
)
"""Names of switches, the most telling kind first; all others, such as frozen parts, come last."""


def rank(hit: CensusHit) -> int:
    """The place of a switch by its name, 0 for the most telling kind."""
    told = hit.text.partition("` of `")[0]
    return next((at for at, names in enumerate(_RANKED) if names.search(told[:60])), len(_RANKED))
