"""report.html: the report as one self-contained page that loads nothing from anywhere.

The layout stands in page.html.j2, pictures.html.j2, page.css and page.js. Everything from the repository is escaped by
jinja2 or encoded by page_data.py; the page's content policy lets only its own style and script run. Readable
without JavaScript.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from agent.report.document import Report, count
from agent.report.flow_picture import draw_flows
from agent.report.import_picture import draw_imports
from agent.report.markup import one_line, split_code, visible
from agent.report.outline import outline
from agent.report.page_data import FIRST_PLACES, PageData, unused
from agent.report.run_facts import run_facts, stage_seconds
from agent.report.sources import cut
from agent.report.treemap import treemap
from agent.state import Answer
from retrieval.chunk import Span

if TYPE_CHECKING:
    from jinja2 import Template

_FOLDER = Path(__file__).parent
FOLD = 10  # items of a list before the rest is folded
LONGEST_PROSE, LONGEST_NAME = 20_000, 1_000
MAP_WIDTH, MAP_HEIGHT = 1000.0, 560.0


def render_page(report: Report) -> str:
    """The whole page, ending with a newline."""
    totals = count(report.every_answer())
    data = PageData(report)
    return _template().render(
        report=report,
        totals=totals,
        planned=sum(len(stage.questions) for stage in report.pack.stages),
        statuses=[(name, number) for name in _STATUSES if (number := getattr(totals, name))],
        data=data,
        boxes=treemap(_sizes(report), MAP_WIDTH, MAP_HEIGHT),
        states=_states(report),
        pictures=draw_imports(report, data.sources.numbers),
        flows=draw_flows(report),
        facts=run_facts(report),
        bars=stage_seconds(report),
        style=(_FOLDER / "page.css").read_text("utf-8"),
        script=(_FOLDER / "page.js").read_text("utf-8"),
        first=FIRST_PLACES,
        fold=FOLD,
    )


_STATUSES = ("verified", "extractive", "unresolved", "edited")


@cache
def _template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        pieces=lambda text: list(split_code(cut(one_line(text), LONGEST_PROSE))),
        line=lambda text: cut(one_line(str(text)), LONGEST_NAME),
        block=_block,
        outline=lambda answer: outline(answer.claims),
        unused=unused,
        hits=lambda answer: sum(len(record.hits) for record in answer.census),
        span=lambda span: Span(*span),
        lines=lambda span: str(span).removeprefix(f"{span.path}:"),
        hash=content_hash,
        number=lambda value: f"{value:,}",
        px=lambda value: f"{value:.1f}".removesuffix(".0"),
        fit=_fit,
        base=lambda path: path.rpartition("/")[2],
        title_case=lambda text: text.capitalize() if text.isupper() else text,
    )
    return environment.get_template("page.html.j2")


def _block(text: str) -> str:
    """A block of code made inert, its lines cut where they are long beyond reading."""
    return "\n".join(cut(line) for line in text.split("\n"))


def content_hash(text: str) -> str:
    """The content policy's name for an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _fit(text: str, letters: float) -> str:
    text = visible(text)
    return text if len(text) <= letters else text[: max(0, int(letters) - 1)] + "…" if letters >= 3 else ""


def _sizes(report: Report) -> dict[str, float]:
    """Path → the area of its box: lines, at least enough to be seen."""
    return {file.path: float(max(6, len(file.lines))) for file in report.snapshot.files}


def _states(report: Report) -> Mapping[str, tuple[str, str]]:
    """Path → (class, words) by what the audit did with the file; being named in a directory tree does not count."""
    cited: Counter[str] = Counter()
    shown: set[str] = set()
    for answer in report.every_answer():
        cited.update(_cited(answer))
        shown |= {path for item in answer.shown for path, _, _ in item.spans}
    ranked = sorted(cited.values())
    more, most = (ranked[len(ranked) * third // 3] if ranked else 0 for third in (1, 2))
    states: dict[str, tuple[str, str]] = {}
    for file in report.snapshot.files:
        size = f"{len(file.lines)} lines"
        if number := cited[file.path]:
            shade = "cited" if number < more else "cited more" if number < most else "cited most"
            states[file.path] = (shade, f"{size}, cited by {number} answer{'' if number == 1 else 's'}")
        elif file.path in shown:
            states[file.path] = ("shown", f"{size}, shown to the model, not cited")
        else:
            states[file.path] = ("never", f"{size}, searched by the census, neither cited nor shown")
    return states


def _cited(answer: Answer) -> set[str]:
    cited = {citation.path for claim in answer.claims if not claim.block for citation in claim.citations}
    return cited | {excerpt.citation.path for excerpt in answer.excerpts}
