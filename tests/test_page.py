"""report.html as text: nothing foreign becomes markup, nothing is loaded, and what it holds as data is exact."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.report.coverage import cover
from agent.report.document import Report, RunFacts
from agent.report.folding import MOST_PICTURES, pictures
from agent.report.layers import layered
from agent.report.outline import every_item, outline
from agent.report.page import render_page
from agent.report.page_data import packed, rows_each
from agent.report.sources import AROUND, LONGEST_LINE, Sources
from agent.report.treemap import treemap
from agent.stages import StagePack
from agent.state import (
    Answer,
    CensusRecord,
    Citation,
    Claim,
    Contradiction,
    Excerpt,
    Fault,
    Rejected,
    Repair,
    Shown,
    Stated,
)
from agent.structure import Structure
from retrieval.chunk import Span
from retrieval.facts import CensusHit
from retrieval.snapshot import Skipped, Snapshot, SourceFile

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "--><!--<script>",
    '" onmouseover="alert(1)',
    "'><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u202c \u2066x\u2069",
    "\x1b[2J\x00\x07",
    "lone \ud800 surrogate",
    "\u2028\u2029]]>",
    "javascript:alert(1)",
    "x" * 100_000,
]
PACK = StagePack.model_validate(
    {
        "version": 1,
        "title": "Test questionnaire",
        "stages": [{"number": 1, "title": "STAGE", "questions": [{"id": "1.1", "text": "Question?"}]}],
    }
)


def source(path: str, text: str, language: str = "python") -> SourceFile:
    return SourceFile(path, text.encode("utf-8", "surrogatepass"), language, "source")


def cite(path: str, start: int, end: int | None = None) -> Citation:
    return Citation(path=path, start=start, end=end or start, sha256="0" * 64)


def report_of(answer: Answer, files: tuple[SourceFile, ...], structure: Structure | None = None) -> Report:
    """A report of one answer about `files`."""
    taken = Snapshot(Path("/nowhere"), "demo", "abc123", files, (Skipped("big.bin", "binary"),))
    return Report(
        repository=taken.name,
        commit=taken.commit,
        tree_hash=taken.tree_hash,
        snapshot=taken,
        pack=PACK,
        answers=((PACK.stages[0], (answer,)),),
        run=RunFacts("tiny", "ab" * 32, "hash", "cd" * 32, {"strict": False}, "0.3", "0.1"),
        coverage=cover(taken, ((PACK.stages[0], (answer,)),)),
        usage={"generated": 7, "prompt_tokens": 1200},
        seconds=61.5,
        structure=structure or Structure(),
    )


def hostile_report(text: str) -> Report:
    """A report in which everything that can come from a repository or a model is `text`."""
    path = f"src/{text[:200]}.py".encode("utf-8", "backslashreplace").decode()
    claims = (
        Claim(text=text, citations=(cite(path, 1, 3),), origin="model", block=text, evidence=("E1",)),
        Claim(text=text, citations=tuple(cite(path, 1, n) for n in range(1, 12)), origin="census", level=1),
    )
    hit = {"path": path, "start": 1, "end": 1, "symbol": text, "text": text}
    answer = Answer(
        question_id="1.1",
        question=text,
        status="verified",
        claims=claims,
        census=(CensusRecord(query=text, files_searched=1, hits=(hit,), unread=({"path": text, "reason": text},)),),
        excerpts=(Excerpt(citation=cite(path, 1, 3), language=text[:9], text=text),),
        rejected=(Rejected(text=text, faults=(Fault(kind="term", message=text),)),),
        shown=(Shown(id="E1", kind="code", title=text, spans=((path, 1, 2),), why=text),),
        left_out=(text,),
    )
    files = (source(path, f"{text}\n{text}\n'''\n"), source("other.py", "import src\n"))
    step = {"depth": "0", "number": "", "root": "r", "rank": "1", "entry": "script"}
    flow = (
        CensusHit(path, 1, 1, text, text, text, detail=step),
        CensusHit(path, 2, 2, text, text, f"calls {text}", detail=step | {"depth": "1", "number": "1", "does": "call"}),
    )
    structure = Structure((path, "other.py"), {"other.py": {path: [1]}}, {path: [flow[0]]}, flow)
    return report_of(answer, files, structure)


class Page(HTMLParser):
    """What a browser would make of the page: elements, attributes, and the content of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.contents: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in self.contents else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.contents[self._inside].append(data)

    @property
    def data(self) -> dict[str, object]:
        """The page's JSON."""
        return json.loads(gzip.decompress(base64.b64decode(self.contents["script"][0])))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_foreign_becomes_markup(text: str) -> None:
    page = render_page(hostile_report(text))
    page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", page)
    parsed = Page(page)
    honest = Page(render_page(hostile_report("plain")))
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in honest.tags}
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    for tag, attributes in parsed.tags:
        assert tag not in {"img", "iframe", "link", "object", "embed", "form", "base", "image", "use", "foreignobject"}
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "srcdoc")]
        assert (attributes.get("href") or "#").startswith("#")
    assert len(page) < 600_000


def test_only_its_own_style_and_script_may_run() -> None:
    parsed = Page(render_page(hostile_report("x")))
    policies = [a["content"] for tag, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy"]
    [policy] = [str(policy) for policy in policies]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy
    script, style = parsed.contents["script"][-1], parsed.contents["style"][0]
    for kind, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert len(parsed.contents["script"]) == 2
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function)\b", script)


def test_the_page_names_no_address() -> None:
    page = render_page(hostile_report("x"))
    assert not re.search(r"https?:|//\w+\.\w+|url\(|@import|fetch\(|XMLHttp", page)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("</script>&'\"\\ \u2028!-é"), max_size=30))
def test_data_is_letters_for_html_and_json_for_the_script(text: str) -> None:
    encoded = packed({"key": [text]})
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", encoded) and encoded == packed({"key": [text]})
    assert json.loads(gzip.decompress(base64.b64decode(encoded))) == {"key": [text]}


@given(st.lists(st.integers(0, 200), max_size=20), st.integers(0, 1000))
def test_tables_share_the_rows_of_a_page(sizes: list[int], total: int) -> None:
    most = rows_each(sizes, total)
    assert sum(min(size, most) for size in sizes) <= max(total, 0)
    assert most >= max(sizes, default=0) or sum(min(size, most + 1) for size in sizes) > total - len(sizes)


def lines_of(sources: Sources, path: str) -> dict[int, str]:
    """Line number → text of all blocks."""
    return {block.start + at: line for block in sources.blocks(path) for at, line in enumerate(block.text.split("\n"))}


def test_each_cited_line_is_held_once_with_a_little_around_it() -> None:
    text = "".join(f"line {number}\n" for number in range(1, 201))
    taken = Snapshot(Path("/nowhere"), "demo", "", (source("a.py", text), source("b.py", text)), ())
    sources = Sources(taken)
    sources.want([Span("a.py", 50, 52), Span("a.py", 51, 53), Span("a.py", 150, 150), Span("gone.py", 1, 1)])
    lines = lines_of(sources, "a.py")
    assert lines == {n: f"line {n}" for n in [*range(50 - AROUND, 54 + AROUND), *range(150 - AROUND, 151 + AROUND)]}
    assert [block.start for block in sources.blocks("a.py")] == [50 - AROUND, 150 - AROUND]
    assert sources.blocks("b.py") == []


def test_a_long_line_is_cut_and_says_so() -> None:
    taken = Snapshot(Path("/nowhere"), "demo", "", (source("a.py", "x" * 100_000 + "\ty\n"),), ())
    sources = Sources(taken)
    sources.want([Span("a.py", 1, 1)])
    assert lines_of(sources, "a.py")[1] == "x" * LONGEST_LINE + f" … {100_002 - LONGEST_LINE} more characters"


@pytest.mark.parametrize(
    ("text", "language", "inside"),
    [
        ("a = 1\n" * 30 + "x = 2\n", "python", ""),
        ('"""Doc\n' + "word\n" * 30 + 'end"""\n', "python", '"""'),
        ("s = '# no'\nt = '''\n" + 'word # "\n' * 30, "python", "'''"),
        ("# it's '''\n" * 31, "python", ""),
        ("/*\n" + "word\n" * 30 + "*/\n", "javascript", "/*"),
        ("word\n" * 31, "text", ""),
    ],
)
def test_a_block_knows_what_is_open_where_it_begins(text: str, language: str, inside: str) -> None:
    sources = Sources(Snapshot(Path("/nowhere"), "demo", "", (source("a", text, language),), ()))
    sources.want([Span("a", 25, 25)])
    assert [block.inside for block in sources.blocks("a")] == [inside]


def test_places_tables_and_citations_are_data() -> None:
    report = hostile_report("plain")
    data = Page(render_page(report)).data
    files = data["files"]
    assert isinstance(files, list) and [file[0] for file in files] == ["src/plain.py", "other.py"]
    assert files[0][3] == [[1, "", "plain\nplain\n'''"]]
    assert data["more"] == [[[0, *([1, n] for n in range(7, 12))]]]
    assert data["questions"] == ["1.1"]
    assert data["cites"] == [[[1, n, 0] for n in range(1, 12)], []]
    assert data["tables"] == [
        {
            "query": "plain",
            "searched": 1,
            "total": 1,
            "rows": [[0, 1, 1, "plain", "plain"]],
            "unread": [["plain", "plain"]],
        }
    ]


def test_the_page_says_what_was_shown_refused_and_left_out() -> None:
    answer = Answer(
        question_id="1.1",
        question="Q?",
        status="extractive",
        claims=(Claim(text="A fact.", citations=(cite("a.py", 1),), origin="census", evidence=("E2",)),),
        rejected=(Rejected(text="It flies.", faults=(Fault(kind="term", message="flies stands nowhere"),)),),
        missing=(Fault(kind="incomplete", message="where it lands"),),
        repairs=(Repair(kind="figure", before="3 wings", after="2 wings", accepted=True),),
        shown=(
            Shown(id="E1", kind="code", title="a.py `f`", spans=(("a.py", 1, 1),), why="search"),
            Shown(id="E2", kind="code", title="a.py `g`", spans=(("a.py", 2, 2),), why="entry points"),
        ),
        left_out=("b.py `h`",),
    )
    page = render_page(report_of(answer, (source("a.py", "x = 1\ny = 2\n"), source("b.py", "z\n"))))
    assert "2 pieces of evidence shown to the model, 1 not used" in page
    assert "<s>It flies.</s>" in page and "flies stands nowhere" in page
    assert "did not fit" in page and "1 refused by the verifier" in page
    assert "<b>Not answered:</b> where it lands" in page
    assert "figure 1 of 1" in page and "<s>3 wings</s> 2 wings" in page
    assert "1 min 2 s" in page and "1,200 evaluated" in page


def test_the_page_says_what_is_at_odds_and_what_each_stage_looked_at() -> None:
    answer = Answer(
        question_id="1.1",
        question="Q?",
        status="verified",
        claims=(
            Claim(text="A fact.", citations=(cite("a.py", 1),), origin="census"),
            Claim(text="The tree:", citations=(cite("b.py", 1),), origin="census", block="b.py"),
        ),
    )
    report = report_of(answer, (source("a.py", "x = 1\n"), source("b.py", "z\n")))
    sides = (
        Stated(value="2", said="two wings", questions=("1.1",)),
        Stated(value="3", said="three", questions=("1.1",)),
    )
    odd = Contradiction(what="count", subject="wings", statements=sides)
    page = render_page(replace(report, contradictions=(odd,)))
    assert "two wings" in page and "three" in page and 'href="#contradictions"' in page
    assert "1 source file that no stage looked at" in page
    parsed = Page(page)
    shades = [a["class"] for tag, a in parsed.tags if tag == "rect" and "data-f" in a]
    assert shades == ["cited most", "never"]
    assert 'href="#contradictions"' not in render_page(report)


@given(st.lists(st.integers(0, 4), max_size=30))
def test_an_outline_keeps_every_claim_in_order(levels: list[int]) -> None:
    claims = [Claim(text=str(n), citations=(), origin="census", level=level) for n, level in enumerate(levels)]
    assert [item.claim for item in every_item(outline(claims))] == claims


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("ab/", min_size=1, max_size=8).map(lambda t: f"{t}/f".lstrip("/")), st.floats(1, 1e4), max_size=30
    )
)
def test_the_boxes_of_files_fill_the_map_in_proportion(sizes: dict[str, float]) -> None:
    boxes = [box for box in treemap(sizes, 1000, 500) if not box.folder]
    assert sorted(box.path for box in boxes) == sorted(sizes)
    for box in boxes:
        assert 0 <= box.x <= box.x + box.width <= 1000.01 and 0 <= box.y <= box.y + box.height <= 500.01
    flat = [box for box in treemap({path.replace("/", "|"): size for path, size in sizes.items()}, 1000, 500)]
    total = sum(sizes.values())
    for box in flat:
        assert box.width * box.height == pytest.approx(sizes[box.path.replace("|", "/")] / total * 500_000, rel=1e-6)


EDGES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=50)


@given(EDGES)
def test_layers_place_every_node_once_and_arrows_point_right(pairs: list[tuple[int, int]]) -> None:
    nodes = [str(n) for n in range(13)]
    layout = layered(nodes, [(str(a), str(b)) for a, b in pairs])
    column = {slot: at for at, slots in enumerate(layout.columns) for slot in slots}
    assert sorted(slot for slot in column if isinstance(slot, str)) == sorted(nodes)
    assert set(layout.routes) == {(str(a), str(b)) for a, b in pairs if a != b}
    for edge, route in layout.routes.items():
        assert (route[0], route[-1]) == edge
        steps = [column[b] - column[a] for a, b in pairwise(route)]
        assert set(steps) == ({-1} if edge in layout.back else {1})


def test_only_cycles_need_an_arrow_back() -> None:
    chain = [(str(n), str(n + 1)) for n in range(9)]
    assert not layered([str(n) for n in range(10)], [*chain, ("0", "5"), ("2", "9")]).back
    assert len(layered([str(n) for n in range(10)], [*chain, ("9", "0")]).back) == 1


def test_a_large_graph_is_folded_and_every_module_has_a_picture() -> None:
    modules = [f"pkg/part{part}/module{n}.py" for part in range(15) for n in range(20)]
    imports = {path: [modules[(at * 7 + 3) % len(modules)]] for at, path in enumerate(modules)}
    drawn = pictures(imports, modules)
    assert len(drawn) <= MOST_PICTURES and next(picture.folder for picture in drawn) == ""
    assert all(len(picture.nodes) <= 60 for picture in drawn)
    held = {node.name for picture in drawn for node in picture.nodes if not node.outside}
    assert set(modules) <= held
    assert sum(drawn[0].edges.values()) <= len(modules)
