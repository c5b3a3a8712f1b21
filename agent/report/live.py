"""The page around a served report: a line about the running audit, and a box to ask. Knows no server."""

from functools import cache
from pathlib import Path

from agent.report.page import content_hash

_FOLDER = Path(__file__).parent
_POLICY = "default-src 'none'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'"


@cache
def render_shell(*, can_ask: bool) -> tuple[str, str]:
    """The page and its content policy."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style, script = ((_FOLDER / f"live.{kind}").read_text("utf-8") for kind in ("css", "js"))
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("live.html.j2").render(style=style, script=script, can_ask=can_ask)
    hashes = f"style-src '{content_hash(style)}'; script-src '{content_hash(script)}'"
    return page, f"{_POLICY}; {hashes}"
