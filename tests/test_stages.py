"""The shipped pack and the errors of packs that people write."""

import re
from pathlib import Path

import pytest
import yaml

from agent.assets import default_pack
from agent.errors import PackError
from agent.stages import load_pack
from retrieval.census import parse_query

MINIMAL = {
    "version": 1,
    "title": "Mine",
    "stages": [
        {
            "number": 1,
            "title": "FIRST",
            "questions": [
                {
                    "id": "1.1",
                    "text": "Is gc used?",
                    "facts": [{"label": "gc", "census": "calls: gc.collect"}],
                }
            ],
        }
    ],
}


def write(tmp_path: Path, change: dict) -> Path:
    pack = yaml.safe_load(yaml.safe_dump(MINIMAL))
    question = pack["stages"][0]["questions"][0]
    for key, value in change.items():
        if value is None:
            del question[key]
        else:
            question[key] = value
    path = tmp_path / "pack.yaml"
    path.write_text(yaml.safe_dump(pack))
    return path


def test_the_shipped_pack_asks_the_whole_questionnaire() -> None:
    pack = load_pack(default_pack())
    assert [stage.number for stage in pack.stages] == list(range(1, 18))
    questions = [question for stage in pack.stages for question in stage.questions]
    assert len(questions) == 55
    assert all(question.facts for question in questions)


def test_every_query_of_the_shipped_pack_parses() -> None:
    pack = load_pack(default_pack())
    facts = [f for stage in pack.stages for q in stage.questions for f in q.facts]
    for fact in facts:
        for query in fact.census:
            parse_query(query)
        re.compile(fact.filter)


def test_sentences_use_only_known_variables() -> None:
    known = {"label": "l", "count": "1", "files": "1", "searched": "1", "names": "n"}
    for stage in load_pack(default_pack()).stages:
        for question in stage.questions:
            for fact in question.facts:
                assert fact.found.format(**known)
                fact.none.format(**known)
            if question.verdict:
                values = {"found": "f", "absent": "a", "searched": "1"}
                led = question.facts[0].layout == "sentences"  # then its first sentence is the answer
                assert question.verdict.positive.format(**values) or led
                assert question.verdict.negative.format(**values)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"text": None}, ["question 1.1", "text", "required"]),
        ({"id": "2.1"}, ["2.1"]),
        ({"claims": 99}, ["question 1.1", "claims"]),
        ({"colour": "red"}, ["question 1.1", "colour"]),
        ({"facts": [{"label": "x", "census": "calz: gc"}]}, ["question 1.1", "calz"]),
        ({"facts": [{"census": "calls: gc"}]}, ["question 1.1", "facts.0.label"]),
        ({"facts": [{"label": "x", "census": "calls: gc", "filter": "("}]}, ["question 1.1", "filter"]),
    ],
)
def test_a_fault_names_file_stage_and_field(tmp_path: Path, change: dict, named: list[str]) -> None:
    path = write(tmp_path, change)
    with pytest.raises(PackError) as caught:
        load_pack(path)
    for word in ["pack.yaml", "stage 1", *named]:
        assert word.lower() in str(caught.value).lower()


@pytest.mark.parametrize("text", ["", "- a", "stages: [", "version: 1"])
def test_a_file_that_is_no_pack_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(text)
    with pytest.raises(PackError, match=r"pack\.yaml"):
        load_pack(path)


def test_only_cuts_the_pack_and_refuses_unknown_ids() -> None:
    pack = load_pack(default_pack())
    cut = pack.only(["2", "11.3"])
    assert [(s.number, len(s.questions)) for s in cut.stages] == [(2, 7), (11, 1)]
    with pytest.raises(PackError, match=r"99\.1"):
        pack.only(["99.1"])
