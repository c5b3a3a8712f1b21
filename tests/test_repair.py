"""Typed corrections before any retry: each is recorded with whether the corrected claim passed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.claims import parse_claims
from agent.repair import correct_place, nearest_path
from agent.report.document import Yield, repair_yields
from agent.state import Answer
from tests.courtroom import PATH, SHOWN, hear, line

PATHS = {"src/app/model.py", "src/app/audio.py", "src/lib/model.py", "README.md"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("src/app/audio.py", "src/app/audio.py"),
        ("app/audio.py", "src/app/audio.py"),
        ("audio.py", "src/app/audio.py"),
        ("./src/app/audio.py", "src/app/audio.py"),
        ("lib/audio.py", "src/app/audio.py"),
        ("src/app/audios.py", "src/app/audio.py"),
        ("model.py", ""),
        ("src/quantum_router.py", ""),
        ("../../etc/passwd", ""),
        ("", ""),
    ],
)
def test_the_nearest_path_is_only_taken_when_there_is_one(written: str, meant: str) -> None:
    assert nearest_path(written, PATHS) == meant


@given(st.text(max_size=40))
def test_a_path_is_never_invented(written: str) -> None:
    assert nearest_path(written, PATHS) in PATHS | {""}


CATCHES = "`caption` catches `torch.cuda.OutOfMemoryError` and returns `None`."
HANDLER = line("except torch.cuda.OutOfMemoryError")


@pytest.mark.parametrize(
    ("draft", "kinds"),
    [
        (f"{PATH}:{HANDLER}: {CATCHES}", ["place resolved", "range narrowed"]),
        (f"`{PATH}:{HANDLER - 2}-{HANDLER}`: {CATCHES}", ["place resolved", "range narrowed"]),
        (f"engine.py:{HANDLER}: {CATCHES}", ["nearest path", "range narrowed"]),
        (f"captionr/engine.py:{HANDLER}: {CATCHES}", ["nearest path", "range narrowed"]),
        (f"- {CATCHES[:-1]} ({PATH}:{HANDLER}).", ["place resolved", "range narrowed"]),
        (f"{PATH}:9000-9001: {CATCHES}", ["lines corrected", "surplus citation removed", "range narrowed"]),
        (f"E1: {CATCHES}", ["lines corrected", "range narrowed"]),
        (f"E5: {CATCHES}", ["citation moved", "range narrowed"]),
        (f"E1,E3: {CATCHES}", ["surplus citation removed", "range narrowed"]),
        (
            "E1: `Captioner` inherits from `torch.nn.Module` in `captioner/engin.py`.",
            ["nearest path", "range narrowed"],
        ),
    ],
)
def test_each_repair_is_recorded_and_leads_to_acceptance(draft: str, kinds: list[str]) -> None:
    (claim,) = parse_claims(draft)
    verdict = hear(claim.text, *claim.evidence)
    assert verdict.accepted, verdict.faults
    assert [repair.kind for repair in verdict.repairs] == kinds
    assert all(repair.accepted for repair in verdict.repairs)


@pytest.mark.parametrize("cited", ["src/quantum_router.py:1-20", "/etc/passwd:1", "gone/far.py:4", "../../x.py:1"])
def test_a_place_that_was_not_shown_is_no_evidence(cited: str) -> None:
    verdict = hear(CATCHES, cited)
    assert [fault.kind for fault in verdict.faults] == ["unknown_evidence"]
    assert correct_place(cited, SHOWN)[0] == []


def test_a_repair_tried_in_vain_counts_against_its_yield() -> None:
    moved, vain = hear(CATCHES, "E5"), hear("`caption` catches `ValueError` and returns `None`.", "E3")
    assert [repair.after for repair in vain.repairs if repair.kind == "citation moved"] == [""]
    answers = [
        Answer(question_id="1.1", question="?", status="verified", repairs=verdict.repairs) for verdict in (moved, vain)
    ]
    assert repair_yields(answers) == {"citation moved": Yield(2, 1), "range narrowed": Yield(1, 1)}
