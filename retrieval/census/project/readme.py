"""What a README says the project is: its tagline, the paragraph that says what it does, and the features it lists.

Sentences on news, speed, licences, downloads, installation, risk and community are no purpose and are passed over, and
so is navigation: lines of links. A paragraph that says what a thing is goes before other prose.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from retrieval.census.project.readme_blocks import Said, blocks_of
from retrieval.snapshot import SourceFile

_COMMAND = re.compile(r"\b(?:pip3?|conda|uv|apt(?:-get)?|brew) (?:pip )?install\b|--extra-index-url|```|\bgit clone\b")
_OTHERS = re.compile(r"(?i)\bcheck (?:it )?out\b|@\w{3,}|\b(?:created|made|developed|guide) by\b")
_LABEL = re.compile(r"^\W{0,3}((?:[A-Z][\w.+-]*|\d[\w.]*)(?: (?:[A-Z0-9][\w.+-]*)){0,3})\W{0,3}: ")
_ASIDE = re.compile(
    r"(?i)\b(?:licen[cs]e[ds]?|disclaimer|own risk|not responsible|ethical|unethical|sponsor\w*|donat\w+|discord|slack"
    r"|wechat|telegram|qq group|arxiv|bibtex|cite|citation|changelog|release[sd]?|news|updates?|download\w*|install\w*"
    r"|docker (?:images?|pull|run|hub|compose)"
    r"|click (?:here|on|the|to|this)|join us|follow us|star history|hiring|rtf|benchmark\w*|faster|fps|badge|see the"
    r"|docs?umentation is|homepage|project page|for more results|trending|contributors?|pull requests?|feel free"
    r"|beginners|issues?\b.*\bwelcome|autodl|colab|be aware|please|tested on|requires?|gpu is needed|thanks"
    r"|\d{4}[-/.]\d{2}|jump to|supported by the\b.*\bteam|take responsibility|as you can see|thank you"
    r"|for more (?:detailed|information)|now we know|table of contents"
    r"|(?:has|have) moved|acknowledge\w*|you agree|read this|do not trust|fake|throughput"
    r"|(?:above|following) (?:results?|figures?|tables?|checkpoints?)|communit\w+|limited long-term support)\b"
    r"|^\W*\[?20\d\d|^\W*(?:if you|for (?:the|more)|details|to appear|accepted)\b"
    r"|^\W*(?:in order )?to (?:run|train|re-?train|fine-?tune|evaluate|use|try|test|build)\b"
    r"|^\W*paper\b|\bwe(?:'ve|\u2019ve| have)\b|\bnow available\b|\bhas (?:now )?(?:officially )?been\b"
    r"|^\W*(?:ICML|NeurIPS|NIPS|ICLR|CVPR|ICCV|ECCV|WACV|AAAI|IJCAI|ACL|EMNLP|NAACL|Interspeech|ICASSP|SIGGRAPH)\W+(?:20)?\d\d"
    r"|\bmay interest you\b|^\W*I (?:also )?(?:have|am|will|made|wrote)\b|[\u2605\u2b50]|\bif you (?:like|find|want)\b"
    r"|\b(?:web demo|demo page|online (?:demo|at)|available (?:online )?at)\b"
    r"|^\W*(?:try|visit|view|watch|see|read|check)\b(?=.*\b(?:demo|hugging ?face|video|paper|wiki|docs|website|blog)\b)"
    r"|\b(?:University|Universit\u00e9|Institute of|Academy of|Laborator(?:y|ies)|AI Labs?)\b(?!.*[.!?]$)"
    r"|\bis named (?:after|for)\b|^\W*(?:notice|note|warning|important|tips?)\b"
    r"|\u2003|[\u2020\u2021]|^-\s|^\[|(?:\d[ ,].{1,30}){4}"
)
_DOES = re.compile(
    r"(?i)\b(?:is an?|are|is the|provides?|enables?|allows?|converts?|generates?|turns?|transforms?|extracts?|detects?"
    r"|recogni[sz]es?|transcribes?|animates?|swaps?|supports?|contains?|implements?|offers?|helps?|can|aims? to"
    r"|designed to|that|which|for|lets)\b|\u662f|\u4e3a|\u57fa\u4e8e|\u7528\u4e8e|\u5b9e\u73b0"
)
_SUBJECT = (
    r"(?!(?:You|Here|It|There|These|Now|Please|To|This|That|If|In|For|Also|Note|Our|And|Then)\b)(?:The )?"
    r"[A-Z][\w.+'-]*(?: [\w.+&/'-]+){0,4}?"
)
_DEFINES = re.compile(
    rf"^\W*{_SUBJECT} (?:is|are) (?:an?|the|one|our|built|designed|able|capable)\b"
    rf"|^\W*{_SUBJECT} (?:learns?|converts?|generates?|simplif\w+|provides?|enables?|allows?|turns?|transcribes?"
    r"|combines?|can|helps?|lets|exhibits?|performs?|unif\w+|takes?|extracts?|makes?|produces?|processes|creates?|animates?|adopts?|offers?)\b"
    r"|^\W*(?i:this|the) (?i:repo\w*|project|package|library|code\w*|tool\w*|software|framework|work|model|app\w*) "
    r"|^\W*(?i:this is )|^\W*(?i:in this (?:paper|work|project|report),? )?"
    r"(?i:we (?:introduce|present|propose|develop|build))\b"
)
# The name that a sentence defines: `faster-x is a …` is not about speed, nor is a small first letter against it.
_AFTER_NAME = re.compile(r"^\W*[\w.+'-]+(?= (?:is|are|converts?|generates?|provides?|lets|can)\b)")
_NUMBERED = re.compile(r"^\(?(\d)[.)] *(?=\S)")
_INDEX = re.compile(
    r"(?i)^\W*(?:change ?log|contents|table of contents|(?:\S+ )?news|updates?|overview|readme|\u76ee\u5f55"
    r"|(?:\d\W+)?(?:introduction|about|abstract)"
    r"|(?:get(?:ting)? started|quick ?start|install(?:ation)?|usage|requirements|demos?|examples?|setup)\b.*)\W*$"
)
_NOTICE = re.compile(
    r"(?i)\bdeprecated\b|\barchived?\b|\bno longer\b|\bunmaintained\b|\bnot maintained\b"
    r"|^\W*(?:announcement|notice|warning|note|important|attention|news)\b|\bplease\b|\bgive (?:us|me|it) a\b|\u2b50"
)
_LANGUAGES = re.compile(r"(?i)\benglish\b\W*[|/\u00b7]|[|/\u00b7]\W*\benglish\b")  # leads to other READMEs
_FEATURES = re.compile(
    r"(?i)^\W*(?:key |main |core )?(?:features?|catalog(?:ue)?|(?:supported )?tasks|highlights?|functions?"
    r"|capabilities|what it does)\b"
)
_OFFER = re.compile(
    r"(?i)\b(?:hosted|managed|paid|commercial|enterprise|premium)\b(?=.*\b(?:api|service|platform|version|edition|plans?"
    r"|cloud|usage|use|support|offering|solution|product|demo)\b)"
    r"|^\W*(?:enterprise|pricing|cloud|community|contact(?: us)?)\W*$"
)  # what is sold, run or talked of elsewhere is no feature of the code
_INTRODUCES = re.compile(r"(?i)^\W*(?:\d\W+)?(?:(?:model |project )?introduction|about|overview|abstract|what is)\b")
_RELATED = re.compile(r"(?i)\b(?:projects?|papers?|works?|repos\w*|resources|news)\b")
HEAD, TOP, EARLY, ITEMS, LEAST, MOST = 20, 90, 60, 7, 4, 3
FEATURES, INNER = 10, 24  # features that are told, and words of what stands below one


@dataclass(frozen=True, slots=True)
class Readme:
    """Title, tagline, paragraphs that say what it does, one a subject, and listed features; None or () for none."""

    title: Said | None
    tagline: Said | None
    abstracts: tuple[Said, ...]
    features: tuple[Said, ...]


def read_readme(file: SourceFile, project: str = "") -> Readme:
    """The parts of a README in Markdown that say what the project is; `project` is a name that it goes by."""
    blocks = list(_own(blocks_of(file)))
    named = (b for kind, b in blocks if kind == "heading" and b.start <= HEAD and not _INDEX.match(b.text))
    title = next((b for b in named if not any(p.search(b.text) for p in (_FEATURES, _NOTICE, _LANGUAGES))), None)
    prose = [block for block in _early(blocks) if _is_purpose(block.text)]
    known = {title.text.lower()} if title else set()
    prose = [block for block in prose if block.text.lower() not in known]
    names = {"", *re.findall(r"[\w.'-]+", f"{title.text if title else ''} {project}".lower())}
    own = [block for block in prose if not _is_of_other(block.text, names)]
    prose = own or prose
    defining = [block for block in prose if _defines(block.text, names) and _subject(block.text) in names]
    early = [b for b in prose if b.start <= EARLY and not _announces(b.text) and not _NUMBERED.match(b.text)]
    tagline = _labelled(blocks, names) or next(iter(early or defining), None)
    said = tagline is not None and (len(tagline.text.split()) <= ITEMS or _DOES.search(tagline.text))
    if not said and defining and defining[0].start <= EARLY:
        tagline = defining[0]
    subjects = {_subject(tagline.text)} if tagline is not None and tagline in defining else set()
    abstracts = []
    for block in defining:
        if block != tagline and _subject(block.text) not in subjects and len(block.text.split()) >= 3 * LEAST:
            subjects.add(_subject(block.text))
            abstracts.append(_telling(block))
    features = _features(blocks) or _numbered(blocks, names)
    if sum(bool(_OTHERS.search(said.text)) for said in features) * 2 >= len(features):
        features = ()  # what others have made of it
    return Readme(title, _telling(tagline) if tagline else None, tuple(abstracts[:MOST]), features)


def _announces(text: str) -> bool:
    """Whether a paragraph is one sentence that leads to what stands below it."""
    return text.endswith(":") and not re.search(r"[.!?]\s", text)


def _own(blocks: list[tuple[str, Said]]) -> Iterator[tuple[str, Said]]:
    """The blocks without what stands under a heading of offers or people, no part of the code."""
    offered = False
    for kind, block in blocks:
        offered = _OFFER.search(block.text) is not None if kind == "heading" else offered
        if not offered:
            yield kind, block


def _early(blocks: "list[tuple[str, Said]]") -> list[Said]:
    """The paragraphs near the top, and those under a heading that announces an introduction."""
    found, introduces = [], False
    for kind, block in blocks:
        if kind == "heading":
            introduces = _INTRODUCES.search(block.text) is not None
        elif kind == "text" and (block.start <= TOP or introduces):
            found.append(block)
    return found


def _defines(text: str, names: set[str]) -> bool:
    """Whether a paragraph says what a thing is, its name in small letters only where it is the project's."""
    small = text[:1].islower() and _subject(text) in names - {""}
    return _DEFINES.search(text[:1].upper() + text[1:] if small else text) is not None


def _labelled(blocks: "list[tuple[str, Said]]", names: set[str]) -> Said | None:
    """The paragraph that begins with the project's own name, `F5-TTS: …`, and says something of it."""
    for kind, block in blocks:
        label = _LABEL.match(block.text) if kind == "text" and block.start <= TOP else None
        words = re.findall(r"[\w.'-]+", label[1].lower()) if label is not None else []
        if words and {*words} <= names and len(block.text.split()) >= len(words) + LEAST:
            return block
    return None


def _is_of_other(text: str, names: set[str]) -> bool:
    """Whether a paragraph begins with the name of a part, `E2 TTS: …`, that is not the project's."""
    label = _LABEL.match(text)
    return label is not None and not {*re.findall(r"[\w.'-]+", label[1].lower())} <= names


def _subject(text: str) -> str:
    """The first name of a defining sentence, "" for `This project …` and the like."""
    words = re.sub(r"^\W*(?:The )?", "", text).split()
    return "" if words[0].lower() in ("this", "the", "we", "in", "it") else words[0].lower()


def _telling(block: Said) -> Said:
    """A paragraph without its sentences on news, installation and the like."""
    first, *rest = re.split(r"(?<=[.!?])\s+(?=[A-Z])", block.text)
    kept = [first, *(s for s in rest if not _ASIDE.search(s) and not s.endswith(":"))]
    return Said(" ".join(kept).rstrip("*"), block.start, block.end)


def _numbered(blocks: list[tuple[str, Said]], names: set[str]) -> tuple[Said, ...]:
    """The paragraphs or items `1. …`, `2. …` behind a sentence on the project that announces them with a colon."""
    for position, (kind, block) in enumerate(blocks):
        about = _DEFINES.search(block.text) or names & set(re.findall(r"[\w-]{4,}", block.text.lower()))
        if (
            kind == "text"
            and block.text.endswith(":")
            and block.start <= TOP
            and about
            and not _OFFER.search(block.text)
        ):
            following = list(takewhile(lambda item: item[0] != "heading", blocks[position + 1 :]))[:ITEMS]
            found = [b for k, b in following if k == "item" or _NUMBERED.match(b.text)]
            kept = [b for b in found if not _ASIDE.search(b.text)]
            if len(found) > 1 and found[0] == following[0][1] and len(kept) * 2 > len(found):
                found = found if _NUMBERED.match(found[0].text) else kept
                return tuple(Said(_NUMBERED.sub("", b.text), b.start, b.end) for b in found)
    return ()


def _is_purpose(text: str) -> bool:
    words = len(text.split())
    wide = len(re.findall(r"[\u3040-\u9fff\uac00-\ud7af]", text))
    first = _AFTER_NAME.sub("", re.split(r"(?<=[.!?])\s", text)[0])
    if _is_people(text):
        return False
    if _COMMAND.search(text):
        return False
    return (words >= LEAST or wide >= 3 * LEAST) and not _ASIDE.search(first) and text.count("|") < LEAST


def _is_people(text: str) -> bool:
    """Whether a text is a list of names, as of authors: capitals nearly everywhere, and commas or footnote marks."""
    words = [word for word in re.findall(r"[^\W\d_][\w.'-]*", text) if word != "and"]
    capital = sum(word[0].isupper() for word in words)
    marked = text.count(",") + text.count(" and ") >= 2 or re.search(r"[A-Za-z] ?\d\b", text) is not None
    return len(words) >= LEAST and capital * 100 >= len(words) * 85 and marked and not _DOES.search(text)


def _features(blocks: list[tuple[str, Said]]) -> tuple[Said, ...]:
    found: list[Said] = []
    inside = False
    for kind, block in blocks:
        if kind == "heading" or (kind == "text" and block.text.endswith(":") and not found):
            if found:
                break
            inside = _FEATURES.search(block.text) is not None and not _RELATED.search(block.text)
        elif found and kind == "text" and block.start > found[-1].end + 1:
            break
        elif inside and kind == "item" and block.text:
            _item(found, block)
    return tuple(Said(re.sub(r"\s*:$", "", said.text), said.start, said.end) for said in found[:FEATURES])


def _item(found: list[Said], block: Said) -> None:
    """Add an item of a list; one below another that ends with a colon goes on with it, other inner ones are details."""
    above = found[-1] if found else None
    if above is None or block.indent <= above.indent:
        if not _ASIDE.search(block.text):
            found.append(block)
        return
    head, colon, listed = above.text.rpartition(":") if ":" in above.text else ("", "", "")
    if colon and len(listed.split()) <= INNER and "://" not in block.text:
        text = f"{head.rstrip()}: {', '.join(filter(None, (listed.strip(), block.text.rstrip('.'))))}"
        found[-1] = Said(text, above.start, block.end, above.indent)
