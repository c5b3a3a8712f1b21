"""What a person can do at a pause of `step`, as typed lines and as values. Reads words; does nothing itself."""

import re
from dataclasses import dataclass

VERBS: dict[str, tuple[str, str]] = {
    "go": ("Enter", "accept and go on"),
    "show": ("E3, 4.1", "show a piece of evidence, or an answer, in full"),
    "evidence": ("e", "list the evidence of the stage"),
    "verdicts": ("v", "what the verifier refused, and why"),
    "again": ("r 4.1 HINT", "ask the question again, with a hint for the model"),
    "add": ("+ 4.1 WORDS", "add evidence: words to search for, path:10-20, or a census query as calls: torch.load"),
    "drop": ("- E3", "drop a piece of evidence"),
    "write": ("w 4.1", "edit the answer: its statements go through the verifier"),
    "skip": ("s", "leave this stage to the facts; the model is not asked"),
    "back": ("b 3", "go back to a finished stage"),
    "model": ("m ALIAS", "let another model write from the next stage on"),
    "left": ("l", "what is left"),
    "help": ("h", "these lines"),
    "quit": ("q", "stop here; the same command continues, and so does run"),
}
_KEYS = {"e": "evidence", "v": "verdicts", "r": "again", "+": "add", "-": "drop", "w": "write", "s": "skip"}
_KEYS |= {"b": "back", "m": "model", "l": "left", "h": "help", "?": "help", "q": "quit", "a": "go"}
_EVIDENCE = re.compile(r"[eE]\d+")
_QUESTION = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class Action:
    """A verb of VERBS, or "unknown"; `question` is an id such as "4.1" or "", `text` the rest of the line."""

    verb: str
    question: str = ""
    text: str = ""


def parse_action(line: str) -> Action:
    """The action that a typed line means: its key, or its whole word, and what stands behind it."""
    line = line.strip()
    if not line:
        return Action("go")
    if _EVIDENCE.fullmatch(line):
        return Action("show", text=line.upper())
    if _QUESTION.fullmatch(line):
        return Action("show", question=line)
    head, rest = (line[0], line[1:]) if line[0] in "+-" else (line.partition(" ")[0], line.partition(" ")[2])
    verb = _KEYS.get(head.lower()) or (head.lower() if head.lower() in VERBS else "unknown")
    if verb == "unknown":
        return Action(verb, text=line)
    first, _, others = rest.strip().partition(" ")
    if _QUESTION.fullmatch(first):
        return Action(verb, first, others.strip())
    return Action(verb, text=rest.strip())


def keys_line(verbs: tuple[str, ...]) -> str:
    """The keys of `verbs` on one line, as `Enter go on · e evidence · …`."""
    return " · ".join(f"{VERBS[verb][0].split()[0].rstrip(',')} {verb}" for verb in verbs)
