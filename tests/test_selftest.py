"""The verifier measured on spoilt citations, and the mutations themselves."""

import json
import random
from pathlib import Path

import pytest

from agent.cli import main
from agent.documents.lexicon import Lexicon
from agent.documents.mutations import MUTATIONS, Case, Spoiler
from agent.documents.selftest import judge_case
from agent.documents.verdicts import Place
from tests.courtroom import ENGINE, line
from tests.source_tree import snapshot_of

FILLER = "".join(
    f"def helper_{n}(argument_{n}):\n    total_{n} = argument_{n} + {n}\n    return total_{n}\n\n\n" for n in range(40)
)
SNAPSHOT = snapshot_of({"captioner/engine.py": ENGINE + "\n\n" + FILLER, "captioner/other.py": FILLER})
LEXICON = Lexicon(SNAPSHOT.files)
PLACE = Place("captioner/engine.py", line("def load_captioner"), line("return model.to"))
CASES = [
    Case(("`load_captioner` reads 2 files with `torch.load`.",), PLACE, (PLACE,)),
    Case(("`total_7` is the sum of `argument_7` and 7.",), place := Place("captioner/other.py", 37, 37), (place,)),
]


def spoiler() -> Spoiler:
    return Spoiler(LEXICON, CASES, random.Random(1))


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_changes_exactly_one_thing(name: str) -> None:
    for case in CASES:
        spoilt = MUTATIONS[name](case, spoiler())
        if spoilt is None:
            continue
        assert (spoilt.place != case.place) != (spoilt.texts != case.texts)
        assert not any(
            one.path == spoilt.place.path and one.start <= spoilt.place.start and spoilt.place.end <= one.end
            for one in case.cited
            if spoilt.place != case.place
        )


def test_mutations_are_the_same_every_time() -> None:
    for mutation in MUTATIONS.values():
        assert mutation(CASES[0], spoiler()) == mutation(CASES[0], spoiler())


def test_what_is_right_passes_and_what_is_spoilt_does_not() -> None:
    assert [judge_case(case, LEXICON) for case in CASES] == ["ok", "ok"]
    for name in ("other file", "out of range", "identifier renamed", "shifted by 40 lines"):
        spoilt = [made for case in CASES if (made := MUTATIONS[name](case, spoiler()))]
        assert spoilt and all(judge_case(case, LEXICON) != "ok" for case in spoilt), name


def test_the_command_prints_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "repo").mkdir()
    for file in SNAPSHOT.files:
        (tmp_path / "repo" / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / "repo" / file.path).write_bytes(file.data)
    repo = ["--repo", "repo"]
    assert main(["run", *repo, "--model", "none", "--only", "2,11,16"]) < 2
    capsys.readouterr()
    assert main(["verify", "--selftest", *repo, "--json"]) == 0
    rows = {row["mutation"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["as written"]["accept_rate"] >= 0.8
    assert rows["out of range"]["accept_rate"] == 0
    assert rows["identifier renamed"]["accept_rate"] <= 0.02
    assert main(["verify", "--selftest", *repo]) == 0
    assert "as written" in capsys.readouterr().out
    (tmp_path / "repo" / "captioner" / "engine.py").write_text("x = 1\n")
    assert main(["verify", "--selftest", *repo]) == 2
    assert "another state" in capsys.readouterr().err
