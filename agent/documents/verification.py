"""A whole document checked against a repository: citations, names, code blocks, counts and what cites nothing.

The result as one value, and as the object that `verify --json` prints. It reads the repository only.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from agent.documents.blocks import Block, Blocks
from agent.documents.check import Checked, Checker
from agent.documents.counts import Count, check_counts
from agent.documents.lexicon import Lexicon
from agent.documents.passages import Document, read_document
from agent.documents.recorded import Recorded
from agent.documents.symbols import Name, Symbols
from agent.documents.tally import Tally
from agent.documents.tree import Tree
from agent.documents.uncited import Uncited, uncited
from agent.documents.verdicts import VERDICTS
from retrieval.snapshot import Snapshot

if TYPE_CHECKING:
    from retrieval.codebase import Codebase


@dataclass(frozen=True)
class Verification:
    """Everything that was found out about one document."""

    citations: tuple[Checked, ...]
    uncited: tuple[Uncited, ...]
    names: tuple[Name, ...]
    code_blocks: tuple[Block, ...]
    counts: tuple[Count, ...]

    @property
    def false(self) -> int:
        """How many things the document says that are not so."""
        return (
            sum(checked.is_false for checked in self.citations)
            + sum(name.verdict == "missing" for name in self.names)
            + sum(block.is_false for block in self.code_blocks)
            + sum(count.verdict == "contradicted" for count in self.counts)
        )

    def summary(self) -> dict[str, int]:
        """Citations per verdict, then the other counts."""
        by_verdict = Counter(checked.verdict for checked in self.citations)
        return {verdict: by_verdict[verdict] for verdict in VERDICTS} | {
            "citations": len(self.citations),
            "uncited": len(self.uncited),
            "names_missing": sum(name.verdict == "missing" for name in self.names),
            "names_unknown": sum(name.verdict == "weak" for name in self.names),
            "code_blocks_false": sum(block.is_false for block in self.code_blocks),
            "code_blocks_nowhere": sum(block.verdict == "weak" for block in self.code_blocks),
            "counts_contradicted": sum(count.verdict == "contradicted" for count in self.counts),
            "false": self.false,
        }

    def as_dict(self) -> dict[str, object]:
        """The object that `verify --json` prints."""
        return {
            "citations": [_citation(checked) for checked in self.citations],
            "uncited": [asdict(one) for one in self.uncited],
            "names": [asdict(name) for name in self.names if name.verdict != "ok"],
            "code_blocks": [asdict(block) for block in self.code_blocks],
            "counts": [asdict(count) for count in self.counts],
            "summary": self.summary(),
        }


def _citation(checked: Checked) -> dict[str, object]:
    fields = ("text", "document_line", "path", "start", "end", "verdict", "reason", "sentence")
    found: dict[str, object] = {name: getattr(checked, name) for name in fields}
    return found | ({"now": asdict(checked.now)} if checked.now else {})


class Verifier:
    """Checks documents against one snapshot.

    `own` is the document's path inside the repository, "" outside; `recorded` the audit that wrote it, if one did;
    `codebase` gives the parsed code, and is called only for counts that need the census.
    """

    def __init__(
        self, snapshot: Snapshot, codebase: "Callable[[], Codebase]", *, own: str = "", recorded: Recorded | None = None
    ) -> None:
        self.lexicon = Lexicon(snapshot.files, frozenset([own]) if own else frozenset())
        self.tree = Tree(snapshot, own)
        self.checker = Checker(snapshot, self.tree, self.lexicon, recorded)
        self._tally = Tally(snapshot, codebase)
        self._audited = recorded is not None

    def verify(self, text: str) -> Verification:
        """Check a Markdown text."""
        return self.verify_document(read_document(text))

    def verify_document(self, document: Document) -> Verification:
        """Check a document that was read. Of what an audit wrote only the citations: the rest was checked then."""
        citations: list[Checked] = []
        statements: list[Uncited] = []
        names: list[Name] = []
        counts: list[Count] = []
        symbols = Symbols(self.lexicon, self.tree)
        for passage in document.passages:
            read = self.checker.read(passage)
            found = list(self.checker.check_reading(read))
            citations += found
            if self._audited:
                continue
            statements += uncited(read)
            names += symbols.check(passage, cites=any(one.path in self.lexicon.files for one in found))
            scopes = [one.path for one in found if one.path in self.lexicon.files]
            counts += check_counts(passage, scopes, self._tally)
        blocks = () if self._audited else tuple(Blocks(self.lexicon, self.tree).check(document.fences))
        return Verification(tuple(citations), tuple(statements), tuple(names), blocks, tuple(counts))
