"""The chat model as LangChain sees it: batches, configuration, usage, determinism across processes,
recovery.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import psutil
import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate

from agent.chat import GgufChat
from agent.errors import ModelMissing, WorkerFailed
from agent.ladder import LoadPlan
from tests.small_model import small_model

pytestmark = pytest.mark.model
EVIDENCE = "\n".join(f"{n}: value_{n} = compute({n}) + offset[{n % 7}]" for n in range(1, 60))
PLAN = LoadPlan(context=4096)


@pytest.fixture(scope="module")
def chat() -> Iterator[GgufChat]:
    made = GgufChat(small_model(), PLAN)
    yield made
    made.close()


def prompt(question: str) -> list[BaseMessage]:
    return [SystemMessage("Answer from the evidence."), HumanMessage(f"{EVIDENCE}\n{question}")]


def limits(grammar: str = "", max_tokens: int = 12) -> Any:
    return {"metadata": {"grammar": grammar, "max_tokens": max_tokens}}


def test_a_batch_shares_its_beginning_and_reports_usage(chat: GgufChat) -> None:
    questions = [prompt(f"What is value_{n} computed from, and where?") for n in (3, 20, 41)]
    answers = chat.batch(questions, config=[limits(), limits('root ::= "E1: " [a-z ]+ "."'), limits()])
    assert str(answers[1].content).startswith("E1: ")
    usage = [answer.response_metadata for answer in answers]
    assert all(u["generated"] <= 12 and u["finish"] in ("stop", "length", "loop") for u in usage)
    evaluated = sum(u["prompt_tokens"] - u["prompt_reused"] for u in usage)
    assert evaluated <= usage[0]["prompt_tokens"] + 2 * 80
    retry = chat.invoke([*questions[1][:1], HumanMessage(f"{questions[1][1].content}\nShorter!")], limits())
    assert retry.response_metadata["prompt_tokens"] - retry.response_metadata["prompt_reused"] < 100
    assert retry.usage_metadata and retry.usage_metadata["output_tokens"] > 0


def test_answers_are_told_while_they_are_written() -> None:
    told: list[tuple[str, str]] = []
    chat = GgufChat(small_model(), PLAN, on_progress=lambda report: told.extend(report.get("texts", ())))
    try:
        config = [{"metadata": {"question": name, "max_tokens": 24}} for name in ("4.1", "4.2")]
        answers = chat.batch([prompt("What is value_7?"), prompt("Say it in French: é, ü.")], config=config)  # type: ignore[arg-type]
    finally:
        chat.close()
    for name, answer in zip(("4.1", "4.2"), answers, strict=True):
        assert "".join(text for question, text in told if question == name) == answer.content
    assert len(told) > 2


def test_a_fresh_process_writes_the_same(chat: GgufChat) -> None:
    questions = [prompt(f"Explain value_{n}.") for n in (9, 5)]
    chat.batch([prompt("Something else entirely")], config=limits())
    warm = [answer.content for answer in chat.batch(questions, config=limits(max_tokens=30))]
    fresh = GgufChat(small_model(), PLAN)
    try:
        cold = [answer.content for answer in fresh.batch(questions, config=limits(max_tokens=30))]
    finally:
        fresh.close()
    assert warm == cold


def test_a_killed_process_costs_nothing_but_time() -> None:
    heard: list[str] = []

    def listen(report: Mapping[str, Any]) -> None:
        heard.append(report["phase"])
        if heard == ["load", "prompt"] and chat._worker.pid:
            os.kill(chat._worker.pid, signal.SIGKILL)

    chat = GgufChat(small_model(), PLAN, on_progress=listen)
    try:
        assert chat.invoke(prompt("Which values are there?"), limits()).content
        assert chat.loads == 2
    finally:
        chat.close()


def test_a_refusal_is_not_tried_again(chat: GgufChat) -> None:
    assert chat.context_size
    loads = chat.loads
    with pytest.raises(WorkerFailed, match="context") as caught:
        chat.invoke("word " * 9000)
    assert caught.value.kind == "request"
    (error,) = chat.batch(["word " * 9000], return_exceptions=True)
    assert isinstance(error, WorkerFailed)
    assert chat.loads == loads


def test_it_stands_in_langchain_pipelines(chat: GgufChat) -> None:
    chain = ChatPromptTemplate.from_messages([("system", "Be {how}."), ("user", "{q}")]) | chat
    answer = chain.invoke({"how": "brief", "q": "Say hello."}, config={"metadata": {"max_tokens": 9}})
    assert answer.content
    generated = chat.generate([[HumanMessage("Say hello.")]], max_tokens=9)
    assert generated.generations[0][0].text
    assert chat.invoke("Count from one: one, two,", stop=[" "], max_tokens=9).content.count(" ") == 0


def test_a_load_that_runs_out_of_memory_takes_the_next_smaller_plan() -> None:
    told: list[str] = []
    tried: list[LoadPlan] = []

    def retreat(failed: LoadPlan) -> LoadPlan | None:
        tried.append(failed)
        return PLAN if len(tried) == 2 else LoadPlan(context=200_000_000)

    huge = LoadPlan(context=400_000_000)
    chat = GgufChat(small_model(), huge, retreat=retreat, on_progress=lambda r: told.append(str(r.get("text", ""))))
    try:
        assert chat.invoke("Say hello.", config={"metadata": {"max_tokens": 4}}).content
        assert [plan.context for plan in tried] == [400_000_000, 200_000_000]
        assert chat.plan == PLAN and chat.loads == 1
        assert sum("memory ran out" in text for text in told) == 2
    finally:
        chat.close()
    hopeless = GgufChat(small_model(), huge)
    with pytest.raises(WorkerFailed) as caught:
        hopeless.invoke("Say hello.")
    assert caught.value.kind == "memory"
    hopeless.close()


def test_two_models_of_one_process_take_turns(chat: GgufChat) -> None:
    chat.invoke("Say hello.", config={"metadata": {"max_tokens": 2}})
    first, loads = chat.pid, chat.loads
    assert first
    judge = GgufChat(small_model(), PLAN)
    try:
        assert judge.context_size
        assert chat.pid is None and not psutil.pid_exists(first)
        assert chat.invoke("Say hello.", config={"metadata": {"max_tokens": 2}}).content
        assert judge.pid is None and chat.loads == loads + 1
    finally:
        judge.close()


def test_counting_and_size(chat: GgufChat) -> None:
    assert chat.context_size == 4096
    assert chat.count_tokens("<|im_end|>") > 1
    assert chat.count_tokens(EVIDENCE) == chat.get_num_tokens(EVIDENCE) > 500
    assert "llama-cpp-python" in chat.build


def test_a_model_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from agent.catalogue import find_model

    monkeypatch.setenv("DEPOSITION_MODELS", str(tmp_path))
    with pytest.raises(ModelMissing) as caught:
        GgufChat(find_model("smollm2-135m")).invoke("hello")
    assert "models pull smollm2-135m" in caught.value.hint
