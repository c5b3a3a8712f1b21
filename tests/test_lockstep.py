"""Shared-prefix decoding on the real engine: same bits cold or warm, nothing evaluated twice,
limits, grammar, loops.

These tests load llama.cpp into the test process, which the product never does.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent.diagnosis import EngineError
from agent.ladder import LoadPlan
from agent.llama import Engine, measure
from agent.lockstep import Lockstep, Request, TooLong
from agent.pace import Step
from tests.small_model import small_model

pytestmark = pytest.mark.model
SOURCE = Path(__file__).resolve().parent.parent / "agent" / "lockstep.py"
CONTEXT = 2048


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    plan = LoadPlan(context=CONTEXT, sequences=4).to_wire()
    made = Engine(str(small_model().require()), plan)
    yield made
    made.close()


@pytest.fixture
def steps(engine: Engine) -> Iterator[Lockstep]:
    made = Lockstep(engine, 4, 128)
    yield made
    made.forget()


@pytest.fixture(scope="module")
def tokens(engine: Engine) -> list[int]:
    return engine.tokenize(SOURCE.read_text("utf-8"), special=False)


def first_logits(steps: Lockstep, requests: Sequence[Request]) -> dict[tuple[int, ...], str]:
    """Digest of the logits after each prompt while the batch runs, and of what is written."""
    seen = {}
    choose = steps._choose

    def spy(branch, row, began):  # type: ignore[no-untyped-def]
        if not branch.completion.tokens:
            logits = steps.engine.logits(row)
            seen[tuple(branch.request.tokens)] = hashlib.sha256(logits.tobytes()).hexdigest()
        choose(branch, row, began)

    steps._choose = spy
    try:
        done = steps.run(requests)
    finally:
        steps._choose = choose
    return {
        prompt: f"{digest} {completion.tokens}"
        for (prompt, digest), completion in zip(
            ((tuple(r.tokens), seen[tuple(r.tokens)]) for r in requests), done, strict=True
        )
    }


@pytest.mark.timeout(1500)  # on a machine that others use too, it has needed more than the usual 300 s
def test_a_prompt_leaves_the_same_bits_whatever_came_before(engine: Engine, tokens: list[int]) -> None:
    warm, rng = Lockstep(engine, 4, 128), random.Random(4)
    batches: list[list[list[int]]] = []
    for number in range(6):
        if number % 3 == 0:
            shared = tokens[: rng.randint(0, 300)]
            starts = [rng.randint(300, 1000) for _ in range(rng.randint(1, 4))]
            batches.append([shared + tokens[s : s + rng.randint(1, 250)] for s in starts])
        else:
            again = rng.sample(batches[-1], rng.randint(1, len(batches[-1])))
            batches.append([p[: rng.randint(1, len(p))] + tokens[7 : 7 + number] for p in again])
    warm_bits = [first_logits(warm, [Request(p, 5) for p in batch]) for batch in batches]
    for batch, bits in zip(batches, warm_bits, strict=True):
        warm.forget()
        assert first_logits(warm, [Request(p, 5) for p in batch]) == bits


def test_texts_do_not_depend_on_the_order_of_questions(steps: Lockstep, tokens: list[int]) -> None:
    requests = [Request(tokens[:200] + tokens[300 + n : 340 + 9 * n], 24) for n in range(4)]
    straight = [c.tokens for c in steps.run(requests)]
    steps.forget()
    backwards = [c.tokens for c in steps.run(requests[::-1])]
    assert straight == backwards[::-1]


def test_shared_tokens_are_evaluated_once_and_retries_read_only_what_is_new(steps: Lockstep, tokens: list[int]) -> None:
    shared = tokens[:1000]
    requests = [Request([*shared, *tokens[1100 + n : 1200 + n]], 4) for n in range(4)]
    done = steps.run(requests)
    evaluated = sum(c.prompt_tokens - c.reused for c in done)
    assert evaluated <= 1.05 * (1000 + 4 * 100)
    again = Request([*requests[2].tokens, *tokens[:30]], 4)
    (retry,) = steps.run([again])
    # At least 64 rows are evaluated together, for the sake of equal bits.
    assert retry.prompt_tokens - retry.reused <= 80


def test_progress_ends_at_the_totals(steps: Lockstep, tokens: list[int]) -> None:
    seen: list[Step] = []
    requests = [Request([*tokens[:150], t], 3) for t in (11, 12)]
    steps.run(requests, seen.append)
    prompt = [step for step in seen if step.phase == "prompt"]
    assert prompt[-1].done == prompt[-1].total == 2 * 151


def test_more_questions_than_fit_are_written_in_groups(steps: Lockstep, tokens: list[int]) -> None:
    requests = [Request(tokens[:400] + tokens[500 + n : 900 + n], 12) for n in range(6)]
    done = steps.run(requests)
    assert [c.prompt_tokens for c in done] == [800] * 6
    assert all(c.tokens for c in done)


def test_a_prompt_too_long_is_refused_and_the_next_is_answered(steps: Lockstep, tokens: list[int]) -> None:
    with pytest.raises(TooLong, match="2048"):
        steps.run([Request(tokens[:10], 5), Request(tokens[:2040], 50)])
    assert steps.run([Request(tokens[:2040], 8)])[0].finish in ("length", "stop", "loop")


def test_an_answer_obeys_its_own_grammar(steps: Lockstep, engine: Engine, tokens: list[int]) -> None:
    grammars = ['root ::= "yes" | "no"', 'root ::= [0-9] [0-9] "."', 'root ::= "E" [12] ": " [a-z ]{20,30}']
    done = steps.run([Request([*tokens[:90], n], 40, g) for n, g in enumerate(grammars, 50)])
    texts = [b"".join(map(engine.piece, c.tokens)).decode() for c in done]
    assert texts[0] in ("yes", "no")
    assert texts[1][:2].isdigit() and texts[1][2:] == "."
    assert texts[2][:4] in ("E1: ", "E2: ") and 20 <= len(texts[2][4:]) <= 30
    assert all(c.finish == "stop" for c in done)


def test_a_bad_grammar_is_refused_not_fatal(steps: Lockstep, tokens: list[int]) -> None:
    with pytest.raises(EngineError, match="does not parse") as caught:
        steps.run([Request(tokens[:50], 5, "root ::= (")])
    assert caught.value.kind == "request"
    with pytest.raises(EngineError, match="does not parse"):
        steps.run([Request(tokens[:50], 5, "leaf ::= [a]")])
    assert steps.run([Request(tokens[:50], 5)])[0].tokens


def test_a_loop_is_ended(steps: Lockstep, engine: Engine) -> None:
    prompt = engine.tokenize("abc abc abc abc " * 12, special=False)
    (done,) = steps.run([Request(prompt, 400)])
    assert done.finish == "loop"
    assert len(done.tokens) < 100


def test_tokens_come_back_as_the_bytes_they_were(engine: Engine) -> None:
    code = "def f():\n" + " " * 40 + "# " + "-" * 71 + " größer ≥ 10 \t🙂\n"
    found = engine.tokenize(code, special=False)
    assert b"".join(map(engine.piece, found)) == code.encode()
    assert max(len(engine.piece(token)) for token in found) > 32 or len(found) < 40


def test_control_tokens_only_where_asked(engine: Engine) -> None:
    assert len(engine.tokenize("<|im_end|>", special=True)) == 1
    assert len(engine.tokenize("<|im_end|>", special=False)) > 1


def test_a_dry_run_foretells_the_accounts_of_a_real_load(engine: Engine) -> None:
    plan = LoadPlan(context=CONTEXT, sequences=4).to_wire()
    (dry,) = measure(str(small_model().path), plan)["buffers"]
    size = small_model().size
    assert 0.9 * size < dry["weights"] <= size
    # 30 layers x 3 heads x 64 x (key, value) x 2 bytes a cell.
    assert dry["cache"] == 30 * 3 * 64 * 2 * 2 * CONTEXT
