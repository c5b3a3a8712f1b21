"""report.html: the report as one self-contained page that loads nothing and runs nothing.

The layout stands in page.html.j2. Everything is escaped by jinja2; this module only shapes values
for it.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from agent.report.document import Report, count
from agent.report.markdown import INLINE_PLACES
from agent.report.markup import one_line, split_code, visible, visible_block
from agent.state import Citation

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def render_page(report: Report) -> str:
    """The whole page, ending with a newline."""
    return _template().render(report=report, totals=count(report.every_answer()))


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        pieces=lambda text: list(split_code(one_line(text))),
        line=one_line,
        code=visible_block,
        places=_places,
    )
    environment.globals["shown"] = INLINE_PLACES
    return environment.from_string(_TEMPLATE.read_text("utf-8"))


def _places(citations: tuple[Citation, ...]) -> list[str]:
    return [visible(place) for place in dict.fromkeys(str(c.span) for c in citations)]
