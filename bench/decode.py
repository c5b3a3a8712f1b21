"""One stage of questions over shared evidence: this project's batch against the obvious code, same model, same prompts.

    python bench/decode.py [--model ALIAS] [--questions 5] [--evidence 3000] [--answer 150] [--skip-obvious]

The obvious code is one `Llama.create_chat_completion` per question with its grammar and the package's default settings,
only the context raised so that the prompts fit; it runs in a process of its own, after ours has ended. Both write under
a grammar that does not let them stop early. Prints a table and, as the last line, one JSON object. Timings are of the
machine as it is: run it on an idle one.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

GRAMMAR = 'root ::= "E1: " [^\\n]{2000,4000}'
SYSTEM = "You describe code for an engineer who has not read it. Each line starts with an evidence id."
RULES = (
    "Say which function or class does it, what it takes, calls, checks, returns or stores. Copy names exactly, "
    "in backticks. No guesses and no advice. Do not repeat the question, do not mention the evidence, do not count. "
    "Write one line; start it with the evidence id and a colon, then the sentences, each about the code shown."
)
# Tokens that close the question and open the answer in the ChatML template.
TEMPLATE_END = 5
QUESTIONS = (
    "What does the worker process do when its parent dies?",
    "How are tokens chosen while an answer is written?",
    "Which failures are told apart, and by what?",
    "What is kept of a prompt after its answer is written?",
    "How is the memory plan chosen?",
    "Which parts of a prompt may become control tokens?",
    "How is a download continued?",
    "What is refused before llama.cpp sees a file?",
)


def main() -> None:
    """Run both and print the comparison."""
    options = parse_options()
    if options.child:
        print(json.dumps(obvious(json.load(sys.stdin))))
        return
    figures = {"ours": ours(options)}
    prompts, path = figures["ours"].pop("prompts"), figures["ours"].pop("path")
    if not options.skip_obvious:
        figures["obvious"] = run_obvious(options, path, prompts)
    show(figures)


def parse_options() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--questions", type=int, default=5)
    parser.add_argument("--evidence", type=int, default=3000, help="shared tokens")
    parser.add_argument("--answer", type=int, default=150, help="tokens per answer")
    parser.add_argument("--skip-obvious", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def ours(options: argparse.Namespace) -> dict[str, Any]:
    """A batch, and one retry of its second question."""
    from langchain_core.messages import HumanMessage, SystemMessage

    from agent.catalogue import find_model
    from agent.chat import GgufChat
    from agent.plan import plan_model

    spec = find_model(options.model)
    chat = GgufChat(spec, plan_model(spec, None, options.evidence + options.questions * 400 + 500))
    limits: Any = {"metadata": {"grammar": GRAMMAR, "max_tokens": options.answer}}
    try:
        evidence = evidence_of(options.evidence, chat.count_tokens)
        questions = QUESTIONS[: options.questions]
        prompts = [f"{evidence}\n\nQuestion: {q}\n{RULES}" for q in questions]
        messages = [[SystemMessage(SYSTEM), HumanMessage(prompt)] for prompt in prompts]
        began = time.perf_counter()
        answers = chat.batch(messages, limits)
        seconds = time.perf_counter() - began
        inside, native = chat.last_times
        usage = [answer.response_metadata for answer in answers]
        own = [chat.count_tokens(f" {q}\n{RULES}") + TEMPLATE_END for q in questions]
        began = time.perf_counter()
        chat.invoke([SystemMessage(SYSTEM), HumanMessage(prompts[1] + " Use other words.")], limits)
        retry = time.perf_counter() - began
    finally:
        chat.close()
    evaluated = sum(u["prompt_tokens"] - u["prompt_reused"] for u in usage)
    least = usage[0]["prompt_tokens"] - own[0] + sum(own)
    return {
        "seconds": seconds,
        "generated": sum(u["generated"] for u in usage),
        "evaluated": evaluated,
        "evaluated_to_least": evaluated / least,
        "outside_llama": 1 - native / inside,
        "retry_seconds": retry,
        "prompts": prompts,
        "path": str(spec.path),
    }


def evidence_of(tokens: int, count: Callable[[str], int]) -> str:
    """Numbered lines of this project's own code, about so many tokens."""
    lines: list[str] = []
    total = 0
    for path in sorted((ROOT / "agent").glob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").split("\n"), start=1):
            shown = f"{path.name}:{number} {line}"
            total += count(shown + "\n")
            if total > tokens:
                return "\n".join(lines)
            lines.append(shown)
    return "\n".join(lines)


def run_obvious(options: argparse.Namespace, path: str, prompts: list[str]) -> dict[str, Any]:
    """The obvious code, in a process of its own."""
    job = {"path": path, "prompts": prompts, "answer": options.answer}
    done = subprocess.run(
        [sys.executable, __file__, "--child"], input=json.dumps(job), capture_output=True, text=True, check=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    return figures


def obvious(job: dict[str, Any]) -> dict[str, Any]:
    """One chat completion after another."""
    from llama_cpp import Llama, LlamaGrammar

    llama = Llama(job["path"], n_ctx=8192, verbose=False)
    generated = 0
    began = time.perf_counter()
    for prompt in job["prompts"]:
        reply: Any = llama.create_chat_completion(
            [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}],
            grammar=LlamaGrammar.from_string(GRAMMAR, verbose=False),
            max_tokens=job["answer"],
            temperature=0.0,
        )
        generated += reply["usage"]["completion_tokens"]
    return {"seconds": time.perf_counter() - began, "generated": generated}


def show(figures: dict[str, dict[str, Any]]) -> None:
    """The table, then the JSON line."""
    for name, one in figures.items():
        print(f"{name:8} {one['seconds']:7.1f} s  {one['generated']:5} tokens written")
    own = figures["ours"]
    print(f"evaluated {own['evaluated']} prompt tokens, {own['evaluated_to_least']:.3f} times the least possible")
    print(f"{own['outside_llama']:.1%} of the time outside llama.cpp; a retry took {own['retry_seconds']:.1f} s")
    result: dict[str, Any] = dict(figures)
    if "obvious" in figures:
        result["speedup"] = figures["obvious"]["seconds"] / own["seconds"]
        print(f"{result['speedup']:.2f} times as fast as the obvious code")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
