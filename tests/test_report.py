"""The three documents: what they say, and that nothing foreign in them can become markup."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from agent.errors import UserError
from agent.report.answers import render_json
from agent.report.coverage import Answers, cover
from agent.report.document import Report, RunFacts, count
from agent.report.files import prepare_folder, write_report, write_whole
from agent.report.markdown import place_list, render_markdown
from agent.report.markup import code_span, inline, visible, visible_block
from agent.report.page import render_page
from agent.stages import StagePack
from agent.state import Answer, CensusRecord, Citation, Claim, Excerpt, Fault, Rejected, Shown
from retrieval.chunk import Span
from retrieval.snapshot import Skipped, Snapshot, SourceFile

PACK = StagePack.model_validate(
    {
        "version": 1,
        "title": "Test questionnaire",
        "stages": [
            {
                "number": number,
                "title": f"STAGE {number}",
                "questions": [{"id": f"{number}.{n}", "text": f"Question {n}?"} for n in (1, 2)],
            }
            for number in (1, 2, 3)
        ],
    }
)
HOSTILE = [
    "# 9 - FAKE STAGE",
    "first\n# 9 - FAKE\n- Question 1?\n- yes",
    "1. item",
    "---",
    "===",
    "> quote",
    "| a | b |\n|---|---|",
    "![x](http://evil.example/?q=1)",
    "[click](javascript:alert(1))",
    "[ref]: http://evil.example",
    "see [ref] and [^1]",
    "<img src=x onerror=alert(1)> <script>alert(1)</script> <!-- -->",
    "<https://evil.example> https://evil.example www.evil.example a@evil.example",
    "`unclosed ![x](y)",
    "`` a ` b `` ```x``` `[a](b)`",
    "\\`not code\\` \\[a](b)",
    "__init__.py and *args, **kwargs, a_b_c ~~gone~~ $x$ &lt; &#35;",
    "\x1b[2J\x1b]52;c;AAAA\x07 \x9b31m \u202eesrever\u202c \u200b\u2066 \U000e0041",
    "lone \ud800 surrogate",
    "```\n# escape\n````\n~~~",
    "trailing backslash \\",
    "    indented code",
    "",
]


def snapshot(paths: tuple[str, ...] = ("a.py", "b.py", "c.txt")) -> Snapshot:
    files = tuple(SourceFile(path, b"one\ntwo\nthree\n", "python", "source") for path in paths)
    return Snapshot(Path("/nowhere"), "demo", "abc123", files, (Skipped("big.bin", "binary"),))


def cite(path: str, start: int, end: int | None = None) -> Citation:
    return Citation(path=path, start=start, end=end or start, sha256="0" * 64)


def report_of(*first: Answer) -> Report:
    """A report whose first answers are `first`; the others are one-line answers."""
    given_answers = {answer.question_id: answer for answer in first}
    answers: Answers = tuple(
        (stage, tuple(given_answers.get(q.id, plain(q.id, q.text)) for q in stage.questions)) for stage in PACK.stages
    )
    taken = snapshot()
    return Report(
        repository="demo",
        commit=taken.commit,
        tree_hash=taken.tree_hash,
        snapshot=taken,
        pack=PACK,
        answers=answers,
        run=RunFacts("tiny", "ab" * 32, "hash", "cd" * 32, {"strict": False}, "0.3", "0.1"),
        coverage=cover(taken, answers),
        usage={"generated": 7},
        seconds=1.5,
    )


def plain(question_id: str, question: str) -> Answer:
    claim = Claim(text="It does so.", citations=(cite("a.py", 1, 2),), origin="model")
    shown = (Shown(id="E1", kind="code", title="b.py", spans=(("b.py", 1, 2),)),)
    return Answer(question_id=question_id, question=question, status="verified", claims=(claim,), shown=shown)


def hostile_answer(text: str) -> Answer:
    claims = (
        Claim(text=text, citations=(cite(text or "x", 1),), origin="model", block=text),
        Claim(text=text, citations=(), origin="census", level=1),
        Claim(text=text, citations=(cite("a.py", 3),), origin="census"),
    )
    excerpt = Excerpt(citation=cite("a.py", 1, 3), language=text[:5], text=text)
    rejected = Rejected(text=text, faults=(Fault(kind="term", message=text),))
    return Answer(
        question_id="1.1",
        question="Question 1?",
        status="extractive",
        claims=claims,
        excerpts=(excerpt,),
        rejected=(rejected,),
    )


def assert_inert(report: Report) -> None:
    """The document parses back to its stages and questions, and holds nothing active."""
    text = render_markdown(report)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800]", text)
    assert len(re.findall(r"^# \d+ - ", text, re.MULTILINE)) == len(PACK.stages)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    titles = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert titles == ["1 - STAGE 1", "2 - STAGE 2", "3 - STAGE 3", "Coverage"]
    items = [t for t in tokens if t.type == "list_item_open" and t.level == 1]
    assert len(items) == 2 * 6 + 8
    inner = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in tokens} | {child.type for child in inner}
    assert not kinds & {"link_open", "image", "html_block", "html_inline", "table_open", "s_open"}
    assert not kinds & {"em_open", "strong_open", "blockquote_open", "code_block", "hr"}
    loose = " ".join(child.content for child in inner if child.type == "text")
    assert not re.search(r"https?://|www\.|\w@\w+\.\w", loose)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    assert_inert(report_of(hostile_answer(text)))


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("`#*_[]()<>!|~\\-+=>.1 a\n\t\r\x1b&;:/@w\u2028é"), max_size=40))
def test_any_text_stays_text(text: str) -> None:
    assert_inert(report_of(hostile_answer(text)))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_a_fence_shows_every_line_of_its_text(text: str) -> None:
    excerpt = Excerpt(citation=cite("a.py", 1), language="python", text=text)
    answer = plain("1.1", "Question 1?").model_copy(update={"excerpts": (excerpt,)})
    tokens = MarkdownIt("commonmark").parse(render_markdown(report_of(answer)))
    [fence] = [token for token in tokens if token.type == "fence"]
    assert fence.info == "python"
    shown = [line.rstrip() for line in fence.content.split("\n")[:-1]]
    assert shown == [line.rstrip() for line in visible_block(text).split("\n")]


def test_prose_keeps_code_and_escapes_the_rest() -> None:
    assert inline("due to {type(e).__name__}") == "due to {`type(e).__name__`}"
    assert inline("`torch.load(f)` in a/__init__.py. It calls a_b and _c_") == (
        "`torch.load(f)` in `a/__init__.py`. It calls a_b and \\_c\\_"
    )
    assert inline("see https://x.org/a_b.") == "see `https://x.org/a_b`."
    assert code_span("a`b") == "``a`b``"
    assert visible("a\x1b\u202e\U000e0041é") == "a\\x1b\\u202e\\U000e0041é"


def test_many_citations_are_grouped_and_none_is_lost() -> None:
    citations = [cite("a.py", line) for line in range(1, 8)]
    citations += [cite("b.py", 5, 9), cite("b.py", 1), cite("a.py", 1)]
    claim = Claim(text="Found:", citations=tuple(citations), origin="census")
    answer = plain("1.1", "Q?").model_copy(update={"claims": (claim,)})
    text = render_markdown(report_of(answer))
    assert "\n- Found: `a.py:1`, " in text
    assert "`a.py:6` and 3 more places: `a.py:7`; `b.py:1, 5-9`\n" in text
    assert place_list([c.span for c in citations[:7]]).count("`a.py:") == 7


def test_a_heading_leaves_to_its_items_the_places_they_name() -> None:
    heading = (cite("a.py", 1), cite("b.py", 2), cite("c.txt", 3))
    claims = (
        Claim(text="Three:", citations=heading, origin="census"),
        Claim(text="one", citations=(cite("a.py", 1),), origin="census", level=1),
        Claim(text="deep", citations=(cite("b.py", 2),), origin="census", level=4),
    )
    answer = plain("1.1", "Q?").model_copy(update={"claims": claims})
    text = render_markdown(report_of(answer))
    assert "- Three: `c.txt:3`\n  - one (`a.py:1`)\n    - deep (`b.py:2`)\n" in text


def test_an_answer_reads_as_the_questionnaire_asks() -> None:
    claims = (
        Claim(text="Found two loads.", citations=(cite("a.py", 1, 2),), origin="census"),
        Claim(text="`load()` here", citations=(cite("b.py", 2),), origin="census", level=1),
        Claim(text="Nothing else is loaded.", citations=(), origin="census", searched=3),
    )
    answer = Answer(question_id="1.1", question="Q?", status="verified", claims=claims)
    text = render_markdown(report_of(answer))
    assert "# 1 - STAGE 1\n\n- Q?\n- Found two loads (`a.py:1-2`).\n  - `load()` here (`b.py:2`)\n" in text
    assert "\n\n  Nothing else is loaded.\n\n- Question 2?\n" in text


def test_unresolved_questions_are_said_and_listed() -> None:
    answer = Answer(question_id="2.1", question="Why?", status="unresolved")
    text = render_markdown(report_of(answer))
    assert "- Why?\n- Unresolved: no statement" in text
    assert "- Questions unresolved: 1\n  - 2.1 Why?" in text
    assert "1 unresolved" in render_page(report_of(answer))


def test_markdown_knows_no_time() -> None:
    first, again = report_of(), report_of()
    object.__setattr__(again, "seconds", 99.0)
    object.__setattr__(again, "usage", {"generated": 1000})
    assert render_markdown(first) == render_markdown(again)


def test_coverage_tells_files_apart() -> None:
    coverage = report_of().coverage
    assert coverage.cited == ("a.py",)
    assert coverage.untouched == ("c.txt",)
    text = render_markdown(report_of())
    assert "no prompt showed: 1\n  - `./`: `c.txt`\n" in text
    assert "- `big.bin`: binary" in text


def test_the_ledger_counts_what_each_stage_looked_at_but_not_the_directory_tree() -> None:
    tree = Claim(text="The tree", citations=(cite("c.txt", 1),), origin="census", block="c.txt")
    said = Claim(text="It starts.", citations=(cite("a.py", 2, 3),), origin="census")
    answers: Answers = (
        (PACK.stages[0], (Answer(question_id="1.1", question="?", status="verified", claims=(tree,)),)),
        (PACK.stages[1], (Answer(question_id="2.1", question="?", status="verified", claims=(said,)),)),
    )
    coverage = cover(snapshot(), answers, [Span("a.py", 3, 5), Span("b.py", 1, 1)])
    assert [(stage.files, stage.entry_points) for stage in coverage.stages] == [(0, 0), (1, 1)]
    assert coverage.unseen == ("b.py", "c.txt")
    assert coverage.untouched == ("b.py",)


def test_answers_to_where_questions_name_the_definition_around_each_place() -> None:
    citations = tuple(cite("a.py", n).model_copy(update={"symbol": "Net.load"}) for n in range(1, 9))
    spans = [citation.span for citation in citations]
    named = place_list(spans, dict.fromkeys(spans, "Net.load"))
    assert named == "`a.py:1, 2, 3, 4, 5, 6, 7, 8` in `Net.load`"
    assert "in `Net.load`" not in place_list(spans)


def test_json_follows_its_schema() -> None:
    record = CensusRecord(query="calls: x", files_searched=3, hits=({"path": "a.py", "start": 1},))
    answer = hostile_answer("é\x9b").model_copy(update={"census": (record,), "attempts": 2})
    text = render_json(report_of(answer))
    assert text.isascii()
    assert "\x9b" not in text
    document = json.loads(text)
    assert document["schema"] == "answers/1"
    assert document["repo"]["tree_hash"] == snapshot().tree_hash
    assert document["repo"]["skipped"] == [{"path": "big.bin", "reason": "binary"}]
    question = document["stages"][0]["questions"][0]
    [cited] = question["claims"][2]["citations"]
    assert set(cited.pop("anchor")) == {"first", "last", "before", "after"}
    assert cited == {"path": "a.py", "start": 3, "end": 3, "sha256": "0" * 64}
    assert question["census"][0]["files_searched"] == 3
    assert question["rejected"][0]["faults"][0]["kind"] == "term"
    assert (question["status"], question["attempts"]) == ("extractive", 2)
    assert document["totals"]["extractive"] == 1
    assert document["run"]["model_sha256"] == "ab" * 32


def test_totals_count_every_citation() -> None:
    totals = count(
        [hostile_answer("x"), plain("1.2", "?"), Answer(question_id="1.3", question="?", status="unresolved")]
    )
    assert (totals.questions, totals.answered, totals.unresolved) == (3, 2, 1)
    assert (totals.claims, totals.citations, totals.rejected) == (4, 4, 1)


def test_a_report_is_written_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    paths = write_report(report_of(), out)
    assert [path.name for path in paths] == ["ANSWERS.md", "answers.json", "report.html"]
    assert sorted(out.iterdir()) == sorted(paths)
    digest = hashlib.sha256((out / "ANSWERS.md").read_bytes()).hexdigest()
    write_report(report_of(), out)
    assert hashlib.sha256((out / "ANSWERS.md").read_bytes()).hexdigest() == digest


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ANSWERS.md"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        with pytest.raises(UserError) as caught:
            prepare_folder(folder)
        assert "--out" in caught.value.hint


def cited(path: str, line: int, symbol: str) -> Citation:
    return Citation(path=path, start=line, end=line, sha256="0" * 64, symbol=symbol)


def test_places_that_stand_for_statements_are_given_with_their_definitions() -> None:
    at = ((3, "Net.forward"), (9, "load"), (4, "Net.forward"))
    places = tuple(cited("a.py", line, symbol) for line, symbol in at)
    claims = (
        Claim(text="Calls (4):", citations=(), origin="census"),
        Claim(text="`run()`", citations=(cited("b.py", 1, "main"),), origin="census", level=1),
        Claim(text="3 more:", citations=places, origin="census", level=1),
    )
    answer = Answer(question_id="1.1", question="Question 1?", status="extractive", claims=claims)
    text = render_markdown(report_of(answer))
    assert "- 3 more: `a.py:3, 4` in `Net.forward`; `a.py:9` in `load`" in text
    assert "`b.py:1` in" not in text
