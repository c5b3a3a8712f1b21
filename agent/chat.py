"""A GGUF model as a LangChain chat model whose `batch` evaluates the shared beginning of its
prompts once.

Knows messages, grammars and usage figures; the process behind it is `agent.worker`'s. Prompts are
written elsewhere.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict, PrivateAttr

from agent.catalogue import ModelSpec
from agent.errors import WorkerFailed
from agent.ladder import LoadPlan
from agent.slot import Claim, Load, enter
from agent.worker import Worker

DEFAULT_MAX_TOKENS = 512
_ROLES = {"human": "user", "ai": "assistant", "system": "system"}
Progress = Callable[[Mapping[str, Any]], None]
Retreat = Callable[[LoadPlan], LoadPlan | None]


class GgufChat(BaseChatModel):
    """One GGUF model in a process of its own, loaded at the first call.

    `batch(prompts, config=[{"metadata": {"grammar": gbnf, "max_tokens": n}}, ...])` decodes the
    prompts side by side. `on_progress` gets maps of `phase` ("load" | "prompt" | "write"), `done`,
    `total` (tokens), `seconds` and `texts`: pairs of the `question` of a prompt's metadata and what
    was added to its answer; or ("note") a `text` for the person. Greedy: the same batch gives the same
    text. Raises `WorkerFailed`; a crash is tried once more in a new process, and where memory runs out,
    `retreat` names a smaller plan. A loaded model holds the slot (`agent.slot`) within `budget` bytes:
    it ends another one of this process, and waits for those of other audits.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    spec: ModelSpec
    plan: LoadPlan = LoadPlan()
    on_progress: Progress | None = None
    deadline: float | None = None
    budget: int | None = None
    retreat: Retreat | None = None

    _worker: Worker = PrivateAttr(default_factory=Worker)
    _claim: Claim | None = PrivateAttr(default=None)
    _loaded: dict[str, Any] = PrivateAttr(default_factory=dict)
    _loads: int = PrivateAttr(default=0)
    _questions: list[str] = PrivateAttr(default_factory=list)
    _counts: dict[str, int] = PrivateAttr(default_factory=dict)
    _last_times: tuple[float, float] = PrivateAttr(default=(0.0, 0.0))

    def __init__(
        self,
        spec: ModelSpec,
        plan: LoadPlan | None = None,
        *,
        on_progress: Progress | None = None,
        **fields: Any,
    ) -> None:
        fields |= {"spec": spec, "plan": plan or LoadPlan(), "on_progress": on_progress}
        super().__init__(**fields)

    @property
    def _llm_type(self) -> str:
        return "gguf"

    @property
    def context_size(self) -> int:
        """Tokens that fit: a prompt, its siblings' own rests and everything generated."""
        return int(self._load()["context_size"])

    @property
    def loads(self) -> int:
        """How often weights were loaded so far."""
        return self._loads

    @property
    def last_times(self) -> tuple[float, float]:
        """Seconds the last batch took inside the worker, and those of them inside llama.cpp."""
        return self._last_times

    @property
    def build(self) -> str:
        """Version and processor features of the llama.cpp in use."""
        return str(self._load()["build"])

    def count_tokens(self, text: str) -> int:
        """Tokens of a text inside a message."""
        known = self._counts.get(text)
        if known is None:
            reply = self._ask({"op": "count", "text": text})
            known = self._counts[text] = int(reply["count"])
        return known

    def get_num_tokens(self, text: str) -> int:
        """LangChain's name for `count_tokens`."""
        return self.count_tokens(text)

    def score(self, prompts: Sequence[Sequence[BaseMessage]], words: Sequence[str]) -> list[list[float]]:
        """Logits of each word's first token after each prompt, (prompts, words), in one batch; writes nothing."""
        wire = [_item(prompt, {})["messages"] for prompt in prompts]
        scores: list[list[float]] = self._ask({"op": "score", "prompts": wire, "words": list(words)})["scores"]
        return scores

    @property
    def pid(self) -> int | None:
        """The model's process, None while none is alive."""
        return self._worker.pid

    def close(self) -> None:
        """End the process and leave the slot; the next call starts a new one."""
        self._worker.close()
        self._loaded = {}
        if self._claim:
            self._claim.release()

    def forget(self) -> None:
        """Forget every prompt read so far: the next batch is answered as by a model just loaded."""
        self._counts.clear()
        if self._worker.pid:
            self._worker.ask({"op": "forget"})

    def batch(  # type: ignore[override]
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answers to several prompts that share their beginning, in order, decoded side by side.

        All or none: an error concerns the whole batch. `response_metadata` of each answer has
        `prompt_tokens`, `prompt_reused` (not evaluated for it), `generated`, `seconds` and `finish`
        ("stop", "length", "loop").
        """
        if not inputs:
            return []
        each = config if isinstance(config, Sequence) else [config or {}] * len(inputs)
        items = [
            _item(_messages(prompt), dict(own.get("metadata") or {}) | kwargs)
            for prompt, own in zip(inputs, each, strict=True)
        ]
        self._questions = [str((own.get("metadata") or {}).get("question", "")) for own in each]
        try:
            reply = self._ask({"op": "batch", "items": items})
        except WorkerFailed as failure:
            if not return_exceptions:
                raise
            return cast("list[AIMessage]", [failure for _ in items])
        self._last_times = (reply["seconds"], reply["native_seconds"])
        return [self._answer(made) for made in reply["items"]]

    def invoke(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """A batch of one."""
        answer = self.batch([input], config, **kwargs)[0]
        return answer.model_copy(update={"content": _cut(str(answer.content), stop)})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        metadata = kwargs.pop("metadata", None) or {}
        self._questions = [str(metadata.get("question", ""))]
        reply = self._ask({"op": "batch", "items": [_item(messages, dict(metadata) | kwargs)]})
        answer = self._answer(reply["items"][0])
        answer = answer.model_copy(update={"content": _cut(str(answer.content), stop)})
        return ChatResult(generations=[ChatGeneration(message=answer)])

    def _answer(self, made: Mapping[str, Any]) -> AIMessage:
        usage = {
            "input_tokens": made["prompt_tokens"],
            "output_tokens": made["generated"],
            "total_tokens": made["prompt_tokens"] + made["generated"],
        }
        return AIMessage(
            content=made["text"],
            response_metadata={k: v for k, v in made.items() if k != "text"} | {"model": self.spec.alias},
            usage_metadata=usage,  # pyright: ignore[reportArgumentType]
        )

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the worker; a process that crashed is started anew and asked once more, one that ran out of memory
        with a smaller plan.
        """
        try:
            return self._ask_once(request)
        except WorkerFailed as failure:
            if failure.kind not in ("crash", "memory"):
                raise
            if failure.kind == "memory" and not self._retreated():
                raise
        return self._ask_once(request)

    def _ask_once(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self._load()
        return self._worker.ask(request, self._progress, deadline=self.deadline)

    def _progress(self, report: Mapping[str, Any]) -> None:
        if self.on_progress:
            texts = [(self._questions[place], text) for place, text in report.get("texts", ()) if self._questions]
            self.on_progress({**report, "texts": texts})

    def _load(self) -> dict[str, Any]:
        if self._loaded and self._worker.pid:
            return self._loaded
        self._enter()
        started = time.perf_counter()
        while (loaded := self._try_plan()) is None:
            pass
        self._loaded = loaded
        self._loads += 1
        self._tell({"phase": "load", "done": 1, "total": 1, "seconds": time.perf_counter() - started})
        return self._loaded

    def _try_plan(self) -> dict[str, Any] | None:
        """What the worker says of the loaded model; None when memory ran out and a smaller plan is there."""
        self._worker.gpu = self.plan.gpu_layers != 0
        request = {"op": "load", "path": str(self.spec.require()), "plan": self.plan.to_wire()}
        try:
            return self._worker.ask(request | {"template": self.spec.template})
        except WorkerFailed as failure:
            if failure.kind != "memory" or not self._retreated():
                raise
        return None

    def _retreated(self) -> bool:
        """Whether there is a plan that takes less; it is the plan from now on."""
        self._worker.close()
        smaller = self.retreat(self.plan) if self.retreat else None
        if smaller is None:
            return False
        self.plan = smaller
        self._tell({"phase": "note", "text": f"memory ran out; {self.spec.alias} is loaded with {smaller}"})
        return True

    def _enter(self) -> None:
        if not (self._claim and self._claim.held):
            host = (self.plan.predicted or self.spec.size) - self.plan.on_device
            load = Load(self.spec.alias, host, self.plan.on_device)
            self._claim = enter(load, self.budget, self.close, lambda text: self._tell({"phase": "note", "text": text}))

    def _tell(self, report: Mapping[str, Any]) -> None:
        if self.on_progress:
            self.on_progress(report)


def _messages(prompt: LanguageModelInput) -> list[BaseMessage]:
    if isinstance(prompt, PromptValue):
        return prompt.to_messages()
    return convert_to_messages([("human", prompt)] if isinstance(prompt, str) else prompt)


def _item(messages: Sequence[BaseMessage], wishes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "messages": [{"role": _ROLES[m.type], "content": str(m.text)} for m in messages],
        "grammar": str(wishes.get("grammar") or ""),
        "max_tokens": int(wishes.get("max_tokens") or DEFAULT_MAX_TOKENS),
    }


def _cut(text: str, stop: Sequence[str] | None) -> str:
    ends = [text.find(word) for word in stop or () if word in text]
    return text[: min(ends)] if ends else text
