"""What an expression is known to be: a function, a class, an instance, a module, or something outside.

Only certain knowledge is a value; everything else is None. `written type` annotations are read here; names
are looked up by `resolver.py`.
"""

import re
from dataclasses import dataclass

from retrieval.facts import Definition

_UNION = re.compile(r"(?:typing\.)?(?:Optional|Union)\Z")
_TUPLES = re.compile(r"(?:typing\.)?[Tt]uple\Z")
_CLASSES = re.compile(r"(?:typing\.)?[Tt]ype\Z")
_ITERABLES = re.compile(
    r"(?:(?:typing|collections\.abc)\.)?"
    r"(?:[Ll]ist|[Ss]equence|[Ii]terable|[Ii]terator|[Ss]et|[Ff]rozen[Ss]et|Collection|Generator|"
    r"AsyncIterator|AsyncIterable|MutableSequence|[Dd]eque)\Z"
)
_TRANSPARENT = re.compile(r"(?:typing\.)?(?:Final|ClassVar|Annotated|Required|NotRequired)\Z")
DEEPEST_TYPE = 8
MOST_ALTERNATIVES = 48


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class of the repository."""

    path: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function or method of the repository; `receiver` is the object's class when it is bound to one.

    `exact` is false when the object may be of a subclass that defines the method anew; `among` are the classes that it
    may be of, () for any. `bound` are parameters that a `partial` has filled, with the literals they have, "" for what
    is no literal.
    """

    path: str
    definition: Definition
    owner: ClassRef | None = None
    receiver: ClassRef | None = None
    exact: bool = True
    bound: tuple[tuple[str, str], ...] = ()
    partial: bool = False
    among: tuple[ClassRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a repository class; `exact` when it was constructed here, not merely annotated. Where it is of one
    of several classes with the base `cls`, as a registry gives it, these are `among`."""

    cls: ClassRef
    exact: bool = True
    among: tuple[ClassRef, ...] = ()

    @property
    def classes(self) -> tuple[ClassRef, ...]:
        """The classes that the object may be of; () for any that derives from its class."""
        return (self.cls,) if self.exact else self.among


@dataclass(frozen=True, slots=True)
class Super:
    """What `super()` gives in a method of `owner`, on an object of class `receiver`."""

    owner: ClassRef
    receiver: ClassRef
    among: tuple[ClassRef, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module of the repository."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module that is loaded by a computed name: any one of these."""

    modules: tuple[ModuleRef, ...]


@dataclass(frozen=True, slots=True)
class External:
    """A name from outside the repository, such as `torch.nn.Linear`."""

    name: str


@dataclass(frozen=True, slots=True)
class ExternalObject:
    """What calling the external `maker` gave."""

    maker: str


@dataclass(frozen=True, slots=True)
class Items:
    """An iterable whose elements are all `element`."""

    element: "Value"


@dataclass(frozen=True, slots=True)
class Parts:
    """A tuple of known length; unknown members are None."""

    members: tuple["Value | None", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary whose values are all `element`; `held` are those under literal texts."""

    element: "Value"
    held: tuple[tuple[str, "Value | None"], ...] = ()


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several values, in the order in which the code gives them; `open` when there may be others."""

    members: tuple["Value", ...]
    open: bool = False

    def holds(self, kind: type) -> bool:
        """Whether one of the values is of a kind."""
        return any(isinstance(member, kind) for member in self.members)


@dataclass(frozen=True, slots=True)
class Nothing:
    """The literal None."""


Plain = ClassRef | FunctionRef | Instance | Super | ModuleRef | Loaded | External | ExternalObject
Value = Plain | Items | Parts | Table | OneOf | Nothing


def alternatives(value: Value | None) -> tuple[Value | None, ...]:
    """The values that `value` may be; None stands for what is not known."""
    if not isinstance(value, OneOf):
        return (value,)
    return (*value.members, None) if value.open else value.members


def one_of(values: list[Value | None]) -> Value | None:
    """The known ones of `values` as alternatives; None when none is known or they are too many to tell."""
    members: list[Value] = []
    for value in values:
        same = [m for m in members if value is not None and _same(m, value)]
        if value is not None and not isinstance(value, Nothing) and not same:
            members.append(value)
    if not 0 < len(members) <= MOST_ALTERNATIVES:
        return None
    return OneOf(tuple(members), open=None in values)


def agreed(values: list[Value | None]) -> Value | None:
    """The one value that all of `values` are, disregarding None literals; None when they differ."""
    told = [value for value in values if not isinstance(value, Nothing)]
    if not told:
        return Nothing() if values else None
    first = told[0]
    if first is None or any(not _same(first, other) for other in told[1:]):
        return None
    objects = [value for value in told if isinstance(value, Instance)]
    if not objects or all(value == first for value in objects):
        return first
    classes = dict.fromkeys(cls for value in objects for cls in value.classes)
    closed = all(value.classes for value in objects)
    return Instance(objects[0].cls, exact=False, among=tuple(classes) if closed else ())


def _same(one: Value, other: Value | None) -> bool:
    if isinstance(one, Instance) and isinstance(other, Instance):
        return one.cls == other.cls
    return one == other


@dataclass(frozen=True, slots=True)
class Written:
    """An annotation taken apart: a dotted `name`, or a shape over inner annotations."""

    shape: str  # "name", "items", "parts", "class"
    name: str = ""
    inner: tuple["Written | None", ...] = ()


def read_annotation(text: str, depth: int = 0) -> Written | None:
    """Take an annotation apart; None when it does not say one type.

    `Optional[X]` and `X | None` are X, `List[X]` and the like are items of X.
    """
    text = text.strip()
    if len(text) >= 2 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1].strip()
    if depth > DEEPEST_TYPE or not text:
        return None
    alternatives = [part for part in split_top(text, "|") if part != "None"]
    if len(alternatives) != 1:
        return None
    text = alternatives[0]
    head, bracket, rest = text.partition("[")
    if not bracket:
        return Written("name", text) if re.fullmatch(r"[\w.]+", text) else None
    return _subscripted(head.strip(), split_top(rest.rstrip().removesuffix("]"), ","), depth)


def _subscripted(head: str, inner: list[str], depth: int) -> Written | None:
    if _UNION.match(head):
        told = [part for part in inner if part not in ("None", "NoneType")]
        return read_annotation(told[0], depth + 1) if len(told) == 1 else None
    if _TRANSPARENT.match(head):
        return read_annotation(inner[0], depth + 1)
    parts = tuple(read_annotation(part, depth + 1) for part in inner)
    if _TUPLES.match(head):
        if inner[-1] == "...":
            return Written("items", inner=parts[:1])
        return Written("parts", inner=parts)
    if _CLASSES.match(head):
        return Written("class", inner=parts[:1])
    if _ITERABLES.match(head):
        return Written("items", inner=parts[:1])
    return Written("name", head) if re.fullmatch(r"[\w.]+", head) else None


def split_top(text: str, separator: str) -> list[str]:
    """`text` split at `separator` outside brackets and quotes, each part stripped."""
    parts, depth, quote, current = [], 0, "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(current.strip())
            current = ""
            continue
        current += character
    return [*parts, current.strip()]
