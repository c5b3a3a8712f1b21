"""Which methods of a model run it: those known of its library, those that compute, and those that give a result."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.spots import arguments
from retrieval.census.models.computing import PLAIN, computes
from retrieval.census.models.families import RUNNING, SETUP
from retrieval.census.models.known_models import known_model
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.census.models.made_models import Made
    from retrieval.census.models.models import Family
    from retrieval.census.models.sightings import Sighting

_GIVING = re.compile(
    r"^_?(?:get|extract)_(?:\w+_)?(?:embed(?:ding)?s?|embeds|features?|logits|latents?|scores?|pred(?:iction)?s?|probs|landmarks"
    r"|masks?|boxes)$"
)
_AROUND = re.compile(
    r"^_|^(?:apply_|format_|render_|with_|bind|to_|as_|fit|num_|use_|maybe_|requires_|pre_?process|post_?process|"
    r"process_(?:mm|vision)_info|(?:batch_)?decode$|de?tokeni[sz]e|encode_plus|fuse|unfuse)|_(?:config|kwargs|args|template)$"
)
DEEPEST = 5  # methods that call one another before a part computes
_OTHER = words("parameters children named_children named_parameters modules getattr hparams pop get sum all any")


class RunMethods:
    """Tells which methods run the models of one roster."""

    def __init__(self, program: "Program", family: "Family", made: "list[Made]") -> None:
        self.program = program
        self.family = family
        self.library = frozenset(method for item in made for method in self.known(item))
        self.any = RUNNING | self.library | {name for name in self._own() if not name.startswith("__")}
        self.names = frozenset(name for item in made for name in _names(item))

    def _own(self) -> set[str]:
        return {
            definition.name
            for cls in self.family.bases
            for definition in self.program.facts[cls.path].definitions
            if definition.kind == "method" and definition.symbol.startswith(f"{cls.definition.symbol}.")
        }

    def known(self, made: "Made") -> frozenset[str]:
        """The methods by which the library that makes a model, or that its class derives from, says it is run."""
        base = self.family.bases.get(made.cls, "") if made.cls is not None else ""
        known = made.known or (known_model(base) if base else None)
        return known.runs if known is not None else frozenset()

    def runs(self, made: "Made", method: str) -> bool:
        """Whether a method runs a model, whatever it is given."""
        if made.known is not None and made.cls is not None:
            return method in made.known.runs
        if made.known is not None:
            return method in made.known.runs or method in RUNNING
        found = self.program.method(made.cls, method) if made.cls else None
        if found is None or method in self.known(made):
            return method in RUNNING | self.known(made)
        frame = self.program.frame(found[0].path, found[1], made.cls)
        if frame is None or method in RUNNING:
            return frame is not None
        if not SETUP.match(method.lstrip("_")) and not re.match(r"_?(?:init|on_|training_step|configure)", method):
            return computes(self.program, frame, DEEPEST)
        gives = any(item.kind == "return" and item.value is not None for item in frame.body.exits)
        return gives and len(frame.parameters) > 1 and computes(self.program, frame, 1)

    def may_answer(self, frame: "Frame", step: CallStep) -> bool:
        """Whether a call of any other method may be one that a model of a library answers: it is given something on a
        name that models are bound to, and what it gives is used."""
        around, _, method = step.written.rpartition(".")
        if method in PLAIN or method in _OTHER or _AROUND.search(method) or not arguments(step.node, keywords=True):
            return False
        if SETUP.match(method) and not _GIVING.match(method):
            return False
        outer = step.node.parent
        if outer is not None and outer.type == "await":
            outer = outer.parent
        used = outer is not None and outer.type != "expression_statement"
        return used and around.rpartition(".")[2] in self.names

    def answering(self, seen: "tuple[Sighting, ...]", method: str) -> "tuple[Sighting, ...]":
        """Of the models that such a call may be made on, those of libraries that have more methods than are known;
        none when a class here has the method, which then is the one that is meant."""
        if any(item.made.cls is not None and self.program.method(item.made.cls, method) for item in seen):
            return ()
        known = ((item, item.made.known) for item in seen if item.made.cls is None)
        return tuple(item for item, of in known if of is not None and not (of.hosted or of.wraps or of.immediate))


def _names(made: "Made") -> list[str]:
    """The names that what a call makes is bound to where it is made."""
    node = made.step.node
    around = (b for b in made.frame.body.bindings if b.value is not None)
    return [
        binding.name.rpartition(".")[2]
        for binding in around
        if binding.value is not None
        and binding.value.start_byte <= node.start_byte
        and node.end_byte <= binding.value.end_byte
    ]
