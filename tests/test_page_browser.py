"""report.html in a real browser: citations open their lines, tables sort, everything works by keyboard and offline."""

import importlib.util
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.audit import AuditOptions, run_audit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def _load(name: str) -> Any:
    """A module that lies beside the tests."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


HOSTILE_NAME = "</title><script>document.title='owned'</script>"
FILES = {
    "README.md": "# Toy\n\nLoads a model and runs it.\n",
    "pyproject.toml": (
        '[project]\nname = "toy"\nversion = "1"\ndependencies = ["torch>=2"]\n'
        '[project.scripts]\ntoy = "toy.main:main"\n'
    ),
    "toy/__init__.py": '"""A toy."""\n',
    "toy/main.py": (
        '"""The program."""\nimport gc\nimport torch\nfrom toy.model import Net, load\nfrom toy import tools\n\n\n'
        "def main():\n    net = load('a.pt')\n    for item in tools.items():\n        try:\n            net(item)\n"
        "        except RuntimeError:\n            gc.collect()\n            torch.cuda.empty_cache()\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    ),
    "toy/model.py": (
        '"""The model.\n\nA long docstring\nof several lines.\n"""\nimport torch\nfrom torch import nn\n\n\n'
        "class Net(nn.Module):\n    def forward(self, x):\n        return x\n\n\n"
        "def load(path):\n    net = Net()\n    net.load_state_dict(torch.load(path))\n    return net\n"
    ),
    "toy/tools.py": '"""Tools </script><img src=x onerror="document.title=1">."""\n\n\ndef items():\n    yield 1\n',
    "toy/long.py": f'import torch\n\ntorch.load("{"x" * 100_000}")\n',
    f"toy/{HOSTILE_NAME.replace('/', '_')}.py": "import torch\n\ntorch.load('<script>title=2</script>\u202e')\n",
    "docs/unrelated.txt": "nothing here\n",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small repository with hostile names and lines, answered from the census alone."""
    folder = tmp_path_factory.mktemp("page")
    for path, text in FILES.items():
        file = folder / "toy<b>" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPOSITION_CACHE", str(folder / "cache"))
        run_audit(AuditOptions(repo=folder / "toy<b>", out=folder / "out", model="none"))
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with _load("browser").open_browser() as opened:
        yield opened


Open = Callable[..., "Page"]


@pytest.fixture
def open_page(browser: "Browser", report: Path) -> Iterator[Open]:
    """Opens the report; at the end nothing may have been requested, reported or thrown."""
    troubles: list[str] = []
    requests: list[str] = []
    contexts = []

    def opened(width: int = 1280, height: int = 800, fragment: str = "", **options: Any) -> "Page":
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not troubles
    assert all(url.startswith(report.as_uri()) for url in requests)


def test_a_citation_opens_its_lines_beside_the_answer(open_page: Open) -> None:
    page = open_page()
    cite = page.locator("article .c:visible", has_text="toy/main.py:").first
    label = cite.inner_text()
    cite.click()
    path, start = re.fullmatch(r"(.+?):(\d+)(?:-\d+)?", label).groups()  # type: ignore[union-attr]
    pane = page.locator("#pane")
    assert pane.locator("h2").inner_text() == label
    marked = pane.locator("tr.on")
    assert marked.first.locator("td.no").inner_text() == start
    assert marked.first.locator("td").nth(1).inner_text() == FILES[path].split("\n")[int(start) - 1]
    assert pane.locator("span.k").count() > 0
    box, answer = pane.bounding_box(), cite.bounding_box()
    assert box and answer and answer["x"] + answer["width"] <= box["x"]
    assert 0 <= answer["y"] < 800
    page.keyboard.press("Escape")
    assert pane.is_hidden()
    assert page.evaluate("document.activeElement.matches('.c')")


def test_every_citation_of_the_page_can_be_opened(open_page: Open) -> None:
    page = open_page()
    wrong = page.evaluate(
        """() => [...document.querySelectorAll('.c[data-p]')].filter((cite) => {
            cite.click();
            const [, start] = cite.dataset.p.split(':');
            const first = document.querySelector('#pane tr.on td.no');
            return !first || first.textContent !== start;
        }).map((cite) => cite.textContent)"""
    )
    assert not wrong


def test_hostile_names_and_lines_stay_text(open_page: Open) -> None:
    page = open_page()
    assert page.title() == "Audit of toy<b>"
    assert page.locator("h1").inner_text() == "toy<b>"
    for cite in page.locator("article .c:visible", has_text="script").all()[:3]:
        cite.click()
    assert "</script>" in page.locator("#pane").inner_text()
    assert page.title() == "Audit of toy<b>"
    assert page.evaluate("document.scripts.length") == 2
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_tables_sort_and_filter(open_page: Open) -> None:
    page = open_page(fragment="#coverage")
    page.locator("#coverage summary", has_text="All files as a table").click()
    table = page.locator("#coverage .grid")
    table.locator("th button", has_text="lines").click()
    table.locator("th button", has_text="lines").click()
    numbers = [int(cell) for cell in table.locator("tbody tr td:nth-child(3)").all_inner_texts()]
    assert len(numbers) == len(FILES) and numbers == sorted(numbers, reverse=True)
    assert table.locator("th[aria-sort=descending]").count() == 1
    page.locator("#coverage input").fill("main.py")
    assert table.locator("tbody tr").count() == 1
    page.locator("#tables summary").click()
    page.locator("#tables .tools input").fill("gc.collect")
    page.locator("#tables tbody .c").first.click()
    assert "toy/main.py" in page.locator("#tables .table .grid").last.inner_text()


def test_the_filter_leaves_what_holds_every_word(open_page: Open) -> None:
    page = open_page()
    shown = page.locator("main article:visible")
    everything = shown.count()
    page.keyboard.press("/")
    page.keyboard.type("toy/tools.py items")
    page.locator("#found", has_text="of").wait_for()
    assert 0 < shown.count() < everything
    assert all("toy/tools.py" in text for text in shown.all_text_contents())
    page.keyboard.press("Escape")
    assert shown.count() == everything
    statuses = page.locator("article").evaluate_all("(all) => all.map((one) => one.dataset.status)")
    page.locator(".chips label.verified").click()
    assert shown.count() == everything - statuses.count("verified")


def test_everything_by_keyboard(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = page.evaluate("document.activeElement.id")
    assert focused == "q1.2"
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == "q1.1"
    page.locator("#q1\\.1 .c").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#pane").is_visible()
    first = page.locator("#pane h2").inner_text()
    page.keyboard.press("]")
    assert page.locator("#pane h2").inner_text() != first
    page.keyboard.press("[")
    assert page.locator("#pane h2").inner_text() == first
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()
    node = page.locator("#modules .node[data-f]").first
    node.focus()
    page.keyboard.press("Enter")
    assert page.locator("#pane").is_visible()


def test_pictures_show_modules_flow_and_coverage(open_page: Open, report: Path) -> None:
    page = open_page(fragment="#modules")
    labels = page.locator("#modules .node text:not(.note)").all_text_contents()
    assert {"main", "model", "tools"} <= set(labels)
    page.locator("#modules .node", has_text="main").first.hover()
    assert page.locator("#modules svg.lit .edge.on").count() >= 2
    steps = page.locator("#flow .step text:first-of-type").all_text_contents()
    assert any("load()" in step for step in steps) and any("items()" in step for step in steps)
    page.locator("#flow .step", has_text="load()").first.click()
    assert page.locator("#pane h2").inner_text().startswith("toy/main.py:")
    assert page.locator("#map rect[data-f]").count() == len(FILES)
    document = json.loads(report.with_name("answers.json").read_text("utf-8"))
    answers = [answer for stage in document["stages"] for answer in stage["questions"]]
    claims = [claim for answer in answers for claim in answer["claims"] if not claim["block"]]
    cited = {citation["path"] for claim in claims for citation in claim["citations"]}
    cited |= {excerpt["path"] for answer in answers for excerpt in answer["excerpts"]}
    assert 0 < page.locator("#map rect.cited").count() == len(cited)
    assert page.locator("#map rect.never").count() == len(set(document["coverage"]["read"]) - cited)


def test_dark_and_light_by_preference_and_by_hand(open_page: Open) -> None:
    def brightness(page: "Page") -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    page = open_page(color_scheme="dark")
    assert brightness(page) < 150
    page.locator("#theme").click()
    assert brightness(page) > 600
    assert brightness(open_page(color_scheme="light")) > 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_told_from_their_ground(open_page: Open, scheme: str) -> None:
    """Contrast of at least 4.5 to 1 for text (WCAG 2.2, 1.4.3), measured on what the browser computed."""
    page = open_page(color_scheme=scheme)
    page.locator("article .c").first.click()
    poor = page.evaluate(
        r"""() => {
        const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
        const linear = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        const light = (c) => c.slice(0, 3).map(linear)
            .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
        const ground = (e) => {
            for (; e; e = e.parentElement) {
                const c = parse(getComputedStyle(e).backgroundColor);
                if (c.length === 3 || c[3] === 1) return c;
            }
            return [255, 255, 255];
        };
        const poor = new Set();
        for (const e of document.querySelectorAll('body *:not(svg *, script, style, .sr)')) {
            const said = [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!said || !e.checkVisibility()) continue;
            const colour = parse(getComputedStyle(e).color);
            if (!colour.length || getComputedStyle(e).color.startsWith('color(')) continue;
            const [a, b] = [light(colour), light(ground(e))];
            if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) poor.add(e.tagName + '.' + e.className);
        }
        return [...poor]; }"""
    )
    assert not poor


def test_a_phone_shows_everything_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(390, 844, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#nav").is_hidden()
    page.locator("#menu").tap()
    page.locator("#nav a", has_text="Coverage").tap()
    assert page.locator("#nav").is_hidden()
    page.locator("article .c").first.tap()
    box = page.locator("#pane").bounding_box()
    assert box and box["width"] <= 390 and box["height"] >= 400
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_answers_can_be_read_without_javascript(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    assert page.locator("#q1\\.1 .answer").is_visible()
    assert page.locator("#nav").is_visible() and page.locator("#modules svg").first.is_visible()
    assert page.locator("#filter").is_hidden() and page.locator("#theme").is_hidden()
    assert "README.md:" in page.locator("#q1\\.1").inner_text()


def test_it_prints_answers_without_the_furniture(open_page: Open) -> None:
    page = open_page()
    page.emulate_media(media="print")
    assert page.locator("#nav").is_hidden() and page.locator("#top").is_hidden()
    assert page.locator("#q1\\.1 .answer").is_visible()


def test_landmarks_and_names(open_page: Open) -> None:
    page = open_page()
    assert page.get_by_role("main").count() == 1 and page.get_by_role("banner").count() == 1
    assert page.get_by_role("navigation", name="Contents").count() == 1
    assert page.get_by_role("search").count() == 1
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, svg[role=img]')].filter((e) => !(e.textContent.trim()
        || e.getAttribute('aria-label') || e.labels?.length || e.title)).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert not unnamed
    levels = page.locator("h1, h2, h3").evaluate_all("(all) => all.map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
