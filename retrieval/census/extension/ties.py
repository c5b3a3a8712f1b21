"""What ties each file to particular models; `coupled.py` ranks the files and puts it into words."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.assumptions import places_of
from retrieval.census.extension.structural_ties import interface_of, structural_ties
from retrieval.census.extension.tied_file import Ties
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.values import ClassRef, External
from retrieval.census.models.attribute_chains import attribute_chains
from retrieval.census.models.families import is_library_model, library
from retrieval.census.models.model_entries import CLASSICAL, plain
from retrieval.census.models.named_models import takes_any
from retrieval.census.models.request_forms import request_forms
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.weights import reader
from retrieval.parse import descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_KEYS, MOST_WIDTHS = 12, 5
FIXED = ("weights", "prompts", "bound", "labels", "numbers", "widths")
_NAMES = (
    r"[\w.]*(?:(?:model|backbone|network|tower|encoder|pretrained|checkpoint)_?(?:name|type|arch|id|class|tag|variant|path"
    r"|version|base)|\bmodel(?:\.name)?|\barch|\bbackbone|\bvariant)(?:\.lower\(\))?(?![\w.\[(])"
)
"""What holds the name of a model, as code writes it: no table of entries, such as the card of a model."""
_NAMED = re.compile(
    rf"(?i)(?<!\w)(?:[\w.]*(?:encoder|tower|network))\s*(?:==|!=)|(?<!\w){_NAMES}\s*(?:==|!=|(?:not )?in\s+[\[({{])"
    rf"|[\"'][^\"']+[\"']\s+(?:==|!=|(?:not )?in)\s+{_NAMES}"
    r"|\.(?-i:NAME)\s*(?:==|!=|in\b)|(?:model|arch|tower|encoder)\w*\.(?:lower\(\)\.)?(?:starts|ends)with\("
)
_SHARED = frozenset({"google", "azure", "nvidia", "opentelemetry"})  # names that many packages have parts under
_QUOTED = re.compile(r"""["']([^"']+)["']""")
_FORMAT = re.compile(
    r"(?i)\.?(?:lib(?:x26[45]|vpx|aom|svtav1|mp3lame|opus|vorbis)|[hx]\.?26[45]|hevc|av1|vp[89]|avc1?|mpeg4?|mp[34]v?|m4[av]"
    r"|mkv|mov|avi|webm|gif|png|jpe?g|webp|bmp|tiff?|wav|flac|ogg|opus|aac|pcm|xvid|mjpe?g|prores)(?:[-_]\w+)*"
    r"|(?:cuda|cpu|mps|xla|gpu|npu|xpu|hpu)(?::\d*)?|\w+://.*|[./~].*|\.\w{2,11}"
)
"""Codecs, file formats, devices, addresses and paths: a comparison with one tells nothing about a model."""
_COMPANION = re.compile(
    r"^(?!Auto|.*Att(?:entio)?n)\w*(?:Tokenizer(?:Fast)?|Processor|FeatureExtractor|Extractor|StoppingCriteria)$"
)
_TOKEN = re.compile(
    r"<\|?[a-zA-Z_]{2,24}\|>|</?(?:s|Img|ImageHere|image|im_start|im_end|unk|pad|bos|eos)>|<(?:video|audio)>|\[/?INST\]"
)
LEAST_HELP = 60  # characters by which a string is known as a help text
_PAGE = re.compile(
    r"(?i)</(?:video|audio|div|p|a|td|table|span|center|h\d|ul|li|body|style|button)>|<(?:video|audio|img|br|div)\s"
)
"""Text of a web page, in which `<video>` is no token of a model."""
_FORMATS = re.compile(r"\b\w*(?:Model|Response|Arch|Backbone|Encoder)\w*(?:Type|Format|Style|Kind)\.\w+")
"""A member of an enumeration of what models take or give, such as `ResponseFormat.MARKDOWN`."""


_SIZE = re.compile(
    r"(?:\w+_)?(?:SAMPLE_RATE|SAMPLING_RATE|N_FFT|HOP_LENGTH|N_MELS|CHUNK_LENGTH|N_SAMPLES|N_FRAMES|IMAGE_SIZE|IMG_SIZE"
    r"|INPUT_SIZE|CROP_SIZE|PATCH_SIZE|MAX_LENGTH|MAX_SEQ_LEN|CONTEXT_LENGTH|VOCAB_SIZE|HIDDEN_SIZE|EMBED_DIM|N_VOCAB)$"
    r"|\w+_(?:VOCAB_SIZE|PAD_TOKEN|INFER_TOKEN|TOKEN_ID|RATE_HZ|MEAN|STD|CODEBOOKS|CODEBOOK_SIZE|OFFSET)$"
)
_NUMBERS = frozenset({"integer", "float", "binary_operator", "list", "tuple"})


def ties_of(codebase: "Codebase") -> dict[str, Ties]:
    """The ties of every file that has some."""
    roster, table = roster_of(codebase), dict[str, Ties]()
    whole = frozenset(made.name for made in roster.made if made.cls is None or not _in_model(roster, made.frame))
    names = frozenset(made.name for made in roster.made if made.known is None or made.known.does != CLASSICAL)
    for frame, _depth in roster.frames:
        for binding in frame.body.bindings if frame.definition is None else ():
            if _SIZE.match(binding.name) and binding.value is not None and binding.value.type in _NUMBERS:
                _in(table, frame.path).sizes.setdefault(f"`{binding.name}`", binding.line)
        if frame.definition is None and not _runs_top(codebase, frame):
            continue  # a demonstration at the end of a file of the package
        for step in frame.body.calls:
            _of_call(roster, (names, whole), table, (frame, step))
        _decisions(frame, table)
        for key, line in _keys(frame):
            _in(table, frame.path).keys.setdefault(f"`{key}`", line)
    for cls in roster.family.bases:
        if cls.path in table:
            table[cls.path].defines = True
    _fixed(codebase, table)
    _library_types(roster, table)
    _tokens(codebase, table)
    _reaches(codebase, table)
    _requests(codebase, table)
    structural_ties(codebase, table)
    return table


def _requests(codebase: "Codebase", table: dict[str, Ties]) -> None:
    for fixed in (fixed for form in request_forms(codebase) for fixed in form.fixed):
        _in(table, fixed.path).requests.setdefault(fixed.said, fixed.line)


def _in(table: dict[str, Ties], path: str) -> Ties:
    return table.setdefault(path, Ties())


def _runs_top(codebase: "Codebase", frame: "Frame") -> bool:
    reach = reach_of(codebase)
    return any(reach.has(plain(codebase, frame, step.start)) for step in frame.body.calls[:40])


def _decisions(frame: "Frame", table: dict[str, Ties]) -> None:
    """The conditions of a body, those behind `elif` too, that ask for the name or type of a model or for a format."""
    for decision in frame.body.decisions:
        for node in (decision.node, *(child for child in decision.node.children if child.type == "elif_clause")):
            condition = node.child_by_field_name("condition")
            if condition is None:
                continue
            written = frame.body.tree.text(condition)
            if _decides(written):
                _in(table, frame.path).named.append(first_line(condition))
            for member in _FORMATS.findall(written):
                _in(table, frame.path).formats.setdefault(f"`{member}`", first_line(condition))


def _of_call(
    roster: Roster, known: tuple[frozenset[str], frozenset[str]], table: dict[str, Ties], at: "tuple[Frame, CallStep]"
) -> None:
    """What one call makes, runs or uses; `known` are the names of models, and those of whole ones."""
    frame, step = at
    names, whole = known
    inside = _in_model(roster, frame)
    for made in roster.at((frame.path, step.node.id)):
        own = made.cls is not None and made.cls.path == frame.path and made.step.written != "cls"
        own = own or _is_own_part(roster, frame, made.cls) or (inside and made.name not in whole)
        if made.name in names and not own:
            ties = _in(table, frame.path)
            hosted = made.known is not None and made.known.hosted
            kept = ties.general if takes_any(made) else ties.hosted if hosted else ties.made
            kept.setdefault(f"`{made.name}`", step.start)
            base = interface_of(roster, frame)
            ties.seen = ties.seen or base is None
            ties.behind |= {f"`{base.definition.symbol}`": step.start} if base is not None else {}
    use = roster.used(frame, step)
    if use is not None:
        used = [made for made in use.made if not (_is_own_part(roster, frame, made.cls) or takes_any(made))]
        used = [made for made in used if not inside or made.name in whole]
        told = [made.name for made in used if made.known is None or made.known.does != CLASSICAL]
        ties = _in(table, frame.path)
        ties.calls += bool(told)
        for name in told[:2]:
            ties.run.setdefault(f"`{use.key or name}`", step.start)
    value = frame.callee(step)
    if isinstance(value, External) and library(value.name):
        parts = [part for part in value.name.split(".") if _COMPANION.search(part)]
        if parts:
            _in(table, frame.path).companions.setdefault(f"`{parts[-1]}`", step.start)


def _is_own_part(roster: Roster, frame: "Frame", cls: ClassRef | None) -> bool:
    """Whether a model class makes or runs a part of itself that the same file defines: that is the model, no tie."""
    return _in_model(roster, frame) and cls is not None and cls.path == frame.path


def _in_model(roster: Roster, frame: "Frame") -> bool:
    return frame.owner is not None and roster.family.is_model(frame.owner)


def _decides(condition: str) -> bool:
    """Whether a condition asks for the name or type of a model, not for a codec or a format of files."""
    quoted = _QUOTED.findall(condition)
    if "swith(" in condition and not quoted:
        return False  # a prefix that a variable holds, as of addresses
    return bool(_NAMED.search(condition)) and not (quoted and all(_FORMAT.fullmatch(name) for name in quoted))


def _keys(frame: "Frame") -> Iterator[tuple[str, int]]:
    """The keys that a body takes of a checkpoint it has read."""
    read = {
        binding.name
        for binding in frame.body.bindings
        if binding.value is not None and reader(Spot(frame, binding.value, binding.order, binding.guards))
    }
    told = 0
    for binding in frame.body.bindings if read else ():
        for node in descendants(binding.value) if binding.value is not None else ():
            held = node.child_by_field_name("value") if node.type == "subscript" else None
            key = node.child_by_field_name("subscript") if held is not None else None
            text = frame.body.tree.text
            if key is not None and key.type == "string" and text(held) in read and told < MOST_KEYS:
                told += 1
                yield text(key).strip("\"'"), first_line(node)


def _fixed(codebase: "Codebase", table: dict[str, Ties]) -> None:
    """What `assumptions` finds that a file fixes of its models."""
    for rank, place in places_of(codebase):
        if rank in FIXED:
            held = getattr(_in(table, place.path), rank)
            if len(held) < MOST_WIDTHS:
                held.setdefault(place.text, place.lines[0])


def _package(name: str) -> str:
    """The package of a dotted name; of a name under which several are published, with its second part."""
    head, _, rest = name.partition(".")
    return f"{head}.{rest.partition('.')[0]}" if head in _SHARED else head


def _library_types(roster: Roster, table: dict[str, Ties]) -> None:
    """Names that a file imports from the packages which bring the models of the program."""
    packages = {
        _package(made.maker)
        for made in roster.made
        if made.cls is None and made.known is not None and made.known.does != CLASSICAL and not made.known.immediate
    } - {"torch", "torchvision", "http", "cv2", "transformers", "diffusers", "onnxruntime", "requests"}
    for path, facts in roster.program.facts.items():
        for item in facts.imports:
            if roster.codebase.locate(item.module, path) is not None:
                continue  # a package of the repository that is called like one of those
            known = _package(f"{item.module}.{item.name}") in packages and "regist" not in item.name.lower()
            if known and item.name and item.name != "*":
                ties = _in(table, path)
                if not any(f"`{item.name}`" in held for held in (ties.made, ties.companions)):
                    ties.types.setdefault(f"`{item.name}`", item.start)


def _tokens(codebase: "Codebase", table: dict[str, Ties]) -> None:
    helps: dict[tuple[str, int], str] = {}
    for path, call in codebase.all_calls():
        said = " ".join(text for key, text in call.keywords if key == "help")
        helps |= dict.fromkeys(((path, line) for line in range(call.start, call.end + 1)), said) if said else {}
    for path, fact in codebase.all_facts("string"):
        helped = fact.name[:LEAST_HELP] in helps.get((path, fact.start), "")  # a text for people, as pages are
        told = helped or _PAGE.search(fact.name) is not None
        for token in () if told else _TOKEN.findall(fact.name)[:4]:
            _in(table, path).tokens.setdefault(f"`{token}`", fact.start)


def _reaches(codebase: "Codebase", table: dict[str, Ties]) -> None:
    """Reaches count in files that touch models otherwise, or that import a library of models."""
    for hit in attribute_chains(codebase, Query("", "attribute_chains", (), {})):
        imports = codebase.facts[hit.path].imports if hit.path in codebase.facts else ()
        models = any(is_library_model(item.module) or item.module.partition(".")[0] == "torch" for item in imports)
        if hit.path in table or models:
            for chain in re.findall(r"`([^`]+)`", hit.text)[1 if hit.symbol else 0 :][:4]:
                _in(table, hit.path).reaches.setdefault(f"`{chain}`", hit.start)
