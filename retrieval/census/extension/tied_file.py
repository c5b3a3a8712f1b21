"""One file with what ties it to particular models, and how tightly that does."""

from dataclasses import dataclass, field

MOST_RUNS = 8


@dataclass(slots=True)
class Ties:
    """What ties one file: names with the first line of each; `named` are lines of decisions by name. `general` are
    loaders of whichever model is named, which tie to none."""

    made: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    general: dict[str, int] = field(default_factory=dict)
    hosted: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    prompts: dict[str, int] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    run: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    companions: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    named: list[int] = field(default_factory=list)
    reaches: dict[str, int] = field(default_factory=dict)
    wired: dict[str, int] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    behind: dict[str, int] = field(default_factory=dict)
    seen: bool = False  # makes a model outside of classes behind an interface
    defines: bool = False

    @property
    def weight(self) -> int:
        """How tightly: bound labels count six times, what is made four, switches over formats, stages that are wired
        in and fields for one kind of result three, what is run, decided by name or fixed in requests twice; tokens
        and prompts, which a file may write for one model among many, once. A file that only loads whichever model is
        named, and one whose models all stand behind an interface and go with their class, is tied half as much."""
        often = (
            4 * len(self.made)
            + len(self.hosted)
            + 2 * len(self.run)
            + min(self.calls, MOST_RUNS)
            + 2 * len(self.companions)
        )
        often += 2 * (min(len(self.named), 12) + min(len(self.labels), 3)) + min(
            len(self.tokens) + len(self.prompts), 4
        )
        often += 3 * min(len(self.formats), 6) + 6 * min(len(self.bound), 3)
        counts = (
            (self.weights, 3),
            (self.sizes, 3),
            (self.widths, 3),
            (self.numbers, 3),
            (self.keys, 4),
            (self.types, 3),
        )
        often += sum(min(len(held), most) for held, most in counts) + min(len(self.reaches), 5)
        often = often // 2 if (self.general and not self.made) or (self.behind and not self.seen) else often
        often += 2 * min(len(self.requests), 8)
        return often + 3 * (min(len(self.wired), 8) + min(len(self.slots), 4)) + min(len(self.asked), 12)

    @property
    def lines(self) -> list[int]:
        """Every line that ties, in order."""
        held = (
            self.made, self.hosted, self.run, self.companions, self.tokens, self.formats, self.sizes, self.widths,
            self.numbers, self.keys, self.types, self.weights, self.prompts, self.bound, self.labels, self.reaches,
            self.wired, self.slots, self.requests,
        )  # fmt: skip
        return sorted({*(line for table in held for line in table.values()), *self.named, *self.asked})

    @property
    def first(self) -> int:
        """The first line of what ties most."""
        held = (
            self.wired, self.slots, self.requests, self.made, self.hosted, self.run, self.bound, self.formats,
            self.companions,
        )  # fmt: skip
        return next((min(table.values()) for table in held if table), self.lines[0])
