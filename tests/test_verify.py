"""What the verifier lets pass and what it refuses, on a small repository."""

from dataclasses import replace

import pytest

from agent.state import DraftClaim, Evidence
from agent.verify import advice, judge
from retrieval.snapshot import SourceFile
from tests.courtroom import PATH, SHOWN, SNAPSHOT, hear, line

TRUE = [
    ("`load_captioner` loads the weights with `torch.load` and moves the model to `device`.", "E2"),
    ("`load_captioner` raises `FileNotFoundError` if the model is not found.", "E2"),
    ("The `device` of `load_captioner` is `cuda` when it is not given and CUDA is available.", "E2"),
    ("`load_captioner` calls `torch.load` and then `model.load_state_dict`.", "E2"),
    ("The class `Captioner` inherits from `torch.nn.Module`.", "E1"),
    ("`Captioner` passes the pixels through each layer of `self.layers`.", "E1"),
    ("The default of `width` in `Captioner` is 512 and `depth` defaults to 6.", "E1"),
    ("`caption` calls `resize_picture` before `model` is called.", "E3"),
    ("`caption` catches `torch.cuda.OutOfMemoryError` and returns `None`.", "E3"),
    ("The constant `SAMPLE_RATE` is 22050.", "E6"),
    ("`torch.cuda.empty_cache` is called in `caption`.", "E4"),
    ("The README describes a convolutional network trained on COCO that writes captions.", "E5"),
    ("`resize_picture` resizes the picture to `side`, which defaults to 224.", "E3"),
]


@pytest.mark.parametrize(("text", "cited"), TRUE)
def test_a_true_sentence_passes_with_lines_that_hold_its_names(text: str, cited: str) -> None:
    verdict = hear(text, cited)
    assert verdict.accepted, verdict.faults
    assert verdict.claim is not None
    assert verdict.claim.evidence == (cited,)
    assert verdict.claim.citations


FALSE = [
    # names and figures
    ("`load_captioner` loads the weights with `pickle.load` and returns them.", "E2", "invented"),
    ("`load_captioner` downloads the weights from HuggingFace to `root`.", "E2", "invented"),
    ("The constant `SAMPLE_RATE` is 16000.", "E6", "number"),
    ("The constant `BEAM_WIDTH` is 22050.", "E6", "misplaced_number"),
    ("`resize_picture` defaults to 224.", "E3", "misplaced_number"),
    ("`picture` is set to 224.", "E3", "misplaced_number"),
    ("`Captioner` has a default `width` of 6 and a `depth` of 512.", "E1", "misplaced_number"),
    ("`load_captioner` loads TensorFlow weights onto the chosen `device`.", "E2", "invented"),
    # effects that do not happen
    ("`load_captioner` downloads the weights and loads them with `torch.load`.", "E2", "effect"),
    ("`load_captioner` caches the loaded weights in `weights` for later calls.", "E2", "effect"),
    ("`caption` retries the call of `model` with smaller `pixels`.", "E3", "effect"),
    ("`Captioner` trains its `layers` with pictures.", "E1", "effect"),
    ("`resize_picture` normalizes the `picture` with mean and deviation.", "E3", "effect"),
    ("`caption` runs `model` asynchronously on the resized `pixels`.", "E3", "effect"),
    ("`resize_picture` rotates every blurry `picture` towards northern mountains.", "E3", "quantifier"),
    ("`resize_picture` rotates a blurry `picture` towards northern mountains.", "E3", "ungrounded"),
    # who does what
    ("`Captioner` returns `pixels`.", "E1", "relation"),
    ("`load_captioner` raises `name` when it is no file.", "E2", "relation"),
    ("`load_captioner` returns `device` to its caller.", "E2", "relation"),
    ("`load_captioner` calls `weights` with the name of a file.", "E2", "relation"),
    ("`torch` returns `model` on the chosen `device`.", "E2", "relation"),
    ("`resize_picture` catches `torch.cuda.OutOfMemoryError` and returns `None`.", "E3", "attribution"),
    ("`resize_picture` calls `torch.cuda.empty_cache` for the `picture`.", "E3", "attribution"),
    ("`caption` calls `picture.resize` with `side` as its argument.", "E3", "attribution"),
    ("The class `Block` inherits from `Captioner` in this module.", "E1", "relation"),
    ("The function `Captioner` passes `pixels` through each layer.", "E1", "relation"),
    ("`load_captioner` returns `weights` of the captioner to its caller.", "E2", "relation"),
    ("`load_captioner` raises `Captioner` for a missing file name.", "E2", "negative"),
    ("`caption` calls `model` before `resize_picture` is called.", "E3", "order"),
    ("`load_captioner` loads the weights before checking the file.", "E2", "order"),
    # quantities and negations
    ("`load_captioner` never moves the weights to the `device`.", "E2", "negative"),
    ("`caption` does not catch `torch.cuda.OutOfMemoryError`.", "E3", "negative"),
    ("`Captioner` is the only class derived from `torch.nn.Module`.", "E1", "quantifier"),
    ("All functions of the module call `torch.cuda.empty_cache`.", "E4", "quantifier"),
    ("`empty_cache` is called in 3 places of `caption`.", "E4", "number"),
    ("The function `load_captioner` takes four arguments: `name`, `device` and `root`.", "E2", "count"),
    # wording
    ("`load_captioner` may load the weights onto another `device`.", "E2", "hedge"),
    ("`load_captioner` should load the weights onto another `device`.", "E2", "speculation"),
    ("`Captioner` can be easily extended with other `layers`.", "E1", "speculation"),
    ("The evidence shows that `load_captioner` loads the weights.", "E2", "filler"),
    ("`load_captioner` robustly loads the weights to `device`.", "E2", "evaluation"),
    ("`load_captioner` performs various steps with the `weights`.", "E2", "vague"),
    ("It loads the weights with `torch.load` to `device`.", "E2", "dangling"),
    ("This function loads the weights with `torch.load`.", "E2", "dangling"),
    ("`load_captioner` loads the weights with `torch.load` and then the", "E2", "cut_off"),
    ("`load_captioner` loads the weights (from `name`.", "E2", "cut_off"),
    ("`load_captioner`.", "E2", "too_short"),
    ("`load_captioner` loads <b>weights</b> with `torch.load`.", "E2", "markup"),
    ("`load_captioner` loads\x07 the weights with `torch.load`.", "E2", "markup"),
    ("`load_captioner` \u202eloads the weights with `torch.load`.", "E2", "markup"),
    ("The model is loaded and then it is moved somewhere.", "E2", "dangling"),
    ("Weights are loaded and then moved to a device.", "E2", "no_anchor"),
    ("`load_captioner` loads the captioner.", "E2", "vacuous"),
    ("`load_captioner` `torch.load` `weights` `model` `device`.", "E2", "no_sentence"),
    ("`caption` calls `model`, `caption` calls `model` with `pixels`.", "E3", "no_sentence"),
    ("`load_captioner` loads the weights with `torch.load`" + " and `device`" * 40 + ".", "E2", "too_long"),
    ("`load_captioner` loads the weights with `torch.load`" + " and `device`" * 400 + ".", "E2", "too_long"),
    ("`load_captioner` resizes the picture to `side`.", "E3", "home"),
    ("`resize_picture` resizes the `Captioner` to `side`.", "E3", "term"),
    # citations
    ("`load_captioner` loads the weights with `torch.load`.", "E99", "unknown_evidence"),
]


@pytest.mark.parametrize(("text", "cited", "kind"), FALSE)
def test_a_false_or_empty_sentence_is_refused_by_name(text: str, cited: str, kind: str) -> None:
    verdict = hear(text, cited)
    assert not verdict.accepted, verdict.claim
    assert kind in {fault.kind for fault in verdict.faults}, verdict.faults


def test_without_evidence_there_is_no_claim() -> None:
    assert [f.kind for f in hear("`load_captioner` loads the weights with `torch.load`.").faults] == ["no_citation"]


def test_a_citation_moves_to_the_item_that_proves_the_sentence() -> None:
    verdict = hear("`load_captioner` raises `FileNotFoundError` if the model is not found.", "E3")
    assert verdict.claim is not None
    assert verdict.claim.evidence == ("E2",)
    assert [repair.kind for repair in verdict.repairs] == ["lines corrected", "range narrowed"]
    assert all(repair.accepted for repair in verdict.repairs)


def test_a_surplus_citation_is_removed() -> None:
    verdict = hear("`caption` catches `torch.cuda.OutOfMemoryError`.", "E1", "E3")
    assert verdict.claim is not None
    assert verdict.claim.evidence == ("E3",)
    assert [repair.kind for repair in verdict.repairs] == ["surplus citation removed", "range narrowed"]


def test_the_citation_is_narrowed_to_the_statement_and_its_header() -> None:
    claim = hear("`caption` catches `torch.cuda.OutOfMemoryError`.", "E3").claim
    assert claim is not None
    (citation,) = claim.citations
    assert citation.start == line("def caption")
    assert citation.end >= line("except torch.cuda.OutOfMemoryError")
    assert citation.path == PATH


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Additionally, `caption` catches `torch.cuda.OutOfMemoryError` (E3).",
            "`caption` catches `torch.cuda.OutOfMemoryError`.",
        ),
        (
            "`caption` catches `torch.cuda.OutOfMemoryError`, ensuring smooth operation of the system.",
            "`caption` catches `torch.cuda.OutOfMemoryError`.",
        ),
        (
            "`caption` explicitly catches `torch.cuda.OutOfMemoryError` on line 44.",
            "`caption` catches `torch.cuda.OutOfMemoryError`.",
        ),
        (
            "`caption` catches `torch.cuda.OutOfMemoryError`. The function then",
            "`caption` catches `torch.cuda.OutOfMemoryError`.",
        ),
    ],
)
def test_what_no_line_proves_is_cut_before_the_sentence_is_judged(text: str, left: str) -> None:
    verdict = hear(text, "E3")
    assert verdict.claim is not None, verdict.faults
    assert verdict.claim.text == left
    assert verdict.repairs


def test_a_negation_needs_a_census_that_found_nothing() -> None:
    text = "`threading.Thread` is not called by the module."
    assert hear(text, "E7").accepted
    assert not hear(text, "E2").claim or hear(text, "E2").claim.evidence == ("E7",)  # type: ignore[union-attr]


def test_one_statement_of_a_census_must_prove_the_whole_sentence() -> None:
    mixed = SHOWN["E4"].model_copy(
        update={"text": SHOWN["E4"].text + "\ncaptioner/engine.py:29 in load_captioner: torch.load(name)"}
    )
    verdict = judge(
        DraftClaim(text="`torch.cuda.empty_cache` is called in `load_captioner`.", evidence=("E4",)),
        shown={"E4": mixed},
        question="",
        snapshot=SNAPSHOT,
        accepted=(),
    )
    assert not verdict.accepted


def test_repeating_an_accepted_sentence_is_refused() -> None:
    first = "`caption` catches `torch.cuda.OutOfMemoryError` and returns `None`."
    again = "The function `caption` returns `None` when `torch.cuda.OutOfMemoryError` is caught."
    assert [fault.kind for fault in hear(again, "E3", accepted=(first,)).faults] == ["repeats"]


def test_restating_the_question_is_refused() -> None:
    verdict = hear("The vision models of the pipeline are used.", "E2", question="Which vision models are used?")
    assert not verdict.accepted


def test_what_is_proven_only_by_lines_far_apart_is_refused() -> None:
    far = "".join(f"    step_{n} = {n}\n" for n in range(200))
    text = f"def first(one):\n    alpha_name = one\n{far}    omega_name = alpha_name\n"
    snapshot = replace(SNAPSHOT, files=(SourceFile("far.py", text.encode(), "python", "source"),))
    shown = {"E1": Evidence(id="E1", kind="code", title="far.py", spans=(("far.py", 1, 203),), text="")}
    draft = DraftClaim(text="`first` sets `alpha_name` and `step_150`.", evidence=("E1",))
    verdict = judge(draft, shown=shown, question="", snapshot=snapshot, accepted=())
    assert {fault.kind for fault in verdict.faults} == {"too_wide"}


def test_the_words_of_the_question_are_no_answer() -> None:
    verdict = hear("The loaded weights of models are used.", "E2", question="Which loaded weights of models are used?")
    assert "restates" in {fault.kind for fault in verdict.faults}


def test_what_only_the_question_says_is_not_proven() -> None:
    text = "Execution progress is recorded in `load_captioner`, which loads weights and moves the model to `device`."
    verdict = hear(text, "E2", question="Where and how is execution progress recorded?")
    assert "presumed" in {fault.kind for fault in verdict.faults}


def test_evidence_outside_the_snapshot_cannot_be_cited() -> None:
    for span, kind in ((("gone.py", 1, 2), "missing_file"), ((PATH, 40, 4000), "out_of_range")):
        shown = {"E2": SHOWN["E2"].model_copy(update={"spans": (span,)})}
        draft = DraftClaim(text="`load_captioner` loads the weights with `torch.load`.", evidence=("E2",))
        verdict = judge(draft, shown=shown, question="", snapshot=SNAPSHOT, accepted=())
        assert kind in {fault.kind for fault in verdict.faults}


def test_the_advice_is_one_line_without_repetition() -> None:
    refused = [
        hear("`load_captioner` may load the weights onto another `device`.", "E2"),
        hear("`caption` may load the weights onto another `device`.", "E2"),
        hear("`caption` does not catch `torch.cuda.OutOfMemoryError`.", "E3"),
    ]
    line_for_model = advice(refused)
    assert "\n" not in line_for_model
    assert line_for_model.count("'may'") == 1
    assert advice([hear("`caption` catches `torch.cuda.OutOfMemoryError`.", "E3")]) == ""
