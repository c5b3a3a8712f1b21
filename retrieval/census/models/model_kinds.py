"""Of which kinds the models of a program are: language models, models of text, vision models, models of sound."""

import re

from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.modalities.modal_flow import taken_by
from retrieval.census.modalities.multimodal_messages import messages
from retrieval.census.models.model_entries import Entry
from retrieval.census.models.roster import Roster
from retrieval.census.vision.vision import sees_entry
from retrieval.census.vision.vision_calls import runs_of

MOST = 18
_OPEN = ("Transformers model", "Transformers pipeline", "ModelScope model")
_LANGUAGE = re.compile(r"(?:^|[a-z\d])LM(?:Model|Head\w*)?$|LMModel$|LanguageModel|CausalLM|^GPT\d?$")


def kinds_of(roster: Roster, entries: list[Entry]) -> tuple[str, list[Entry]]:
    """Which of the models are language models and which take texts, images or sound, in words, and those models."""
    shown = {id(made) for run in runs_of(roster) for made in run.made}  # a loader does not tell what it is given
    pictured = [e for e in entries if sees_entry(roster, e) or any(id(made) in shown for made in e.made)]
    language = [entry for entry in entries if _speaks(roster, entry, entry in pictured)]
    seeing = [entry for entry in pictured if entry not in language]
    encoders = [entry for entry in entries if entry.kind == "text encoder"]
    texts = [e for e in entries if e not in pictured and _reads_texts(roster, e) and e not in language]
    said = f"Language models among them: {_short(language)}" if language else "No language model is known among them"
    reading = [entry for entry in language if entry in pictured]
    said += f" (images are given to {_short(reading)})" if reading and not encoders else ""
    if texts and not language:
        opened = any(entry.kind in _OPEN for entry in entries)  # what a checkpoint names may be a language model too
        said = "Models of text among them" if opened else "No language model (LLM) is among them; models of text"
        said += f": {_short(texts)}"
    elif texts:
        said += f"; other models of text: {_short(texts)}"
    said += f"; text encoders: {_short(encoders)}" if encoders else ""
    asked = [m for m in messages(roster) if m.modality in ("image", "video")] if not seeing else []
    sent = (
        f"; images go with requests, as `{asked[0].frame.symbol or asked[0].frame.path}` builds them" if asked else ""
    )
    said += (
        f"; vision models: {_short(seeing)}" if seeing else sent or ("" if reading else "; none takes images or video")
    )
    hearing = [entry for entry in entries if "audio" in taken_by(roster, entry)[:1] and entry not in seeing]
    said += f"; models that take audio: {_short(hearing)}" if hearing else ""
    return said, [*language, *seeing, *hearing] or entries


def _reads_texts(roster: Roster, entry: Entry) -> bool:
    """Whether texts are what a model takes first of all, or what it makes of embeddings of images."""
    known = entry.made[0].known
    if (known is not None and known.gives in ("image", "video", "audio")) or "encoder" in entry.kind:
        return False
    return taken_by(roster, entry)[:1] == ["text"] or re.search(r"Text(?!ure)|Caption", entry.name) is not None


def _speaks(roster: Roster, entry: Entry, seeing: bool) -> bool:
    """Whether it is a language model: by its library, a class here that is named or described as one and sees
    nothing, or one with a head for the next token or a causal mask over the tokens that it is given."""
    first = entry.made[0]
    own = (
        first.cls is not None
        and not seeing
        and not entry.kind
        and (_LANGUAGE.search(entry.name) is not None or re.search(r"(?i)\blanguage model\b", entry.does) is not None)
    )
    own = own or (first.cls is not None and _continues(roster, first.cls))
    return own or "language model" in entry.kind or "text-to-text" in entry.kind


def _continues(roster: Roster, cls: ClassRef) -> bool:
    """Whether a class gives the next token: its `lm_head` is as wide as the vocabulary, or it hides later tokens of
    `input_ids` and takes the keys and values of the earlier ones."""
    found = [(name, roster.program.method(cls, name)) for name in ("__init__", "forward", "_update_causal_mask")]
    have = {name: method for name, method in found if method is not None}
    frames = {name: roster.program.frame(method[0].path, method[1]) for name, method in have.items()}
    made, run = frames.get("__init__"), frames.get("forward")
    head = made is not None and any(
        item.name == "self.lm_head" and item.value is not None and "vocab" in made.body.tree.text(item.value)
        for item in made.body.bindings
    )
    taken = run.parameters if run is not None else ()
    return head or ("_update_causal_mask" in have and "input_ids" in taken and "past_key_values" in taken)


def _short(entries: list[Entry]) -> str:
    return listed(list(dict.fromkeys(f"`{entry.name}`" for entry in entries)), MOST)
