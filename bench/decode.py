"""One stage of questions over shared evidence: this project, the obvious code and llama.cpp's own server side by side.

    python bench/decode.py [--model ALIAS] [--questions 5] [--evidence 3000] [--answer 150] [--runs 1]
                           [--server PATH] [--skip-obvious] [--skip-question-first]

Same model, same prompts, same grammar, same machine; each contestant in a process of its own, one after the other,
loading not counted. The obvious code is one `Llama.create_chat_completion` per question with its grammar and the
package's default settings, only the context raised so that the prompts fit. It runs twice: over the very prompts that
this project sends, evidence first, whose beginning the package reuses; and with the question first, as
LangChain's most used RAG prompt (rlm/rag-prompt) has it, whose beginning nobody can reuse. The grammar lets nobody stop
early; this project ends an answer that repeats itself, so the others write no more tokens for a question than it wrote:
the work is equal. `--server` is llama.cpp's `llama-server`, given five slots, its prompt cache on, asked at once. To
build it from the package's source distribution:

    pip download --no-binary :all: --no-deps llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz
    cd llama_cpp_python-*/vendor/llama.cpp
    cmake -B build -DLLAMA_CURL=OFF && cmake --build build --target llama-server

Prints a table of medians and, as the last line, one JSON object with every run. Timings are of the machine as it is;
the load average is told.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from statistics import median
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
    """Run the contestants and print the comparison."""
    options = parse_options()
    if options.child:
        print(json.dumps(obvious(json.load(sys.stdin))))
        return
    runs = [run_once(options) for _ in range(options.runs)]
    show(runs)


def run_once(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """One run of each contestant."""
    figures = {"ours": ours(options)}
    prompts, path, lengths = (figures["ours"].pop(name) for name in ("prompts", "path", "lengths"))
    if options.server:
        figures["server"] = served(options, path, [prompt["evidence first"] for prompt in prompts], lengths)
    orders = [] if options.skip_obvious else ["evidence first", "question first"]
    for order in orders[:1] if options.skip_question_first else orders:
        figures[f"obvious, {order}"] = run_obvious(path, [prompt[order] for prompt in prompts], lengths)
    return figures


def parse_options() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--questions", type=int, default=5)
    parser.add_argument("--evidence", type=int, default=3000, help="shared tokens")
    parser.add_argument("--answer", type=int, default=150, help="tokens per answer")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--server", help="path of a llama-server")
    parser.add_argument("--skip-obvious", action="store_true")
    parser.add_argument("--skip-question-first", action="store_true")
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
        prompts = [prompt_of(evidence, question) for question in questions]
        messages = [[SystemMessage(SYSTEM), HumanMessage(prompt["evidence first"])] for prompt in prompts]
        began = time.perf_counter()
        answers = chat.batch(messages, limits)
        seconds = time.perf_counter() - began
        inside, native = chat.last_times
        usage = [answer.response_metadata for answer in answers]
        own = [chat.count_tokens(f" {q}\n{RULES}") + TEMPLATE_END for q in questions]
        began = time.perf_counter()
        chat.invoke([SystemMessage(SYSTEM), HumanMessage(prompts[1]["evidence first"] + " Use other words.")], limits)
        retry = time.perf_counter() - began
    finally:
        chat.close()
    evaluated = sum(u["prompt_tokens"] - u["prompt_reused"] for u in usage)
    least = usage[0]["prompt_tokens"] - own[0] + sum(own)
    return {
        "seconds": seconds,
        "generated": sum(u["generated"] for u in usage),
        "lengths": [u["generated"] for u in usage],
        "evaluated": evaluated,
        "evaluated_to_least": evaluated / least,
        "outside_llama": 1 - native / inside,
        "retry_seconds": retry,
        "prompts": prompts,
        "path": str(spec.path),
    }


def prompt_of(evidence: str, question: str) -> dict[str, str]:
    """The same prompt in either order."""
    return {
        "evidence first": f"{evidence}\n\nQuestion: {question}\n{RULES}",
        "question first": f"{RULES}\nQuestion: {question}\n\nContext: {evidence}",
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


def run_obvious(path: str, prompts: list[str], lengths: list[int]) -> dict[str, Any]:
    """The obvious code, in a process of its own."""
    job = {"path": path, "prompts": prompts, "lengths": lengths}
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
    for prompt, length in zip(job["prompts"], job["lengths"], strict=True):
        reply: Any = llama.create_chat_completion(
            [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}],
            grammar=LlamaGrammar.from_string(GRAMMAR, verbose=False),
            max_tokens=length,
            temperature=0.0,
        )
        generated += reply["usage"]["completion_tokens"]
    return {"seconds": time.perf_counter() - began, "generated": generated}


def served(options: argparse.Namespace, path: str, prompts: list[str], lengths: list[int]) -> dict[str, Any]:
    """All questions at once to llama.cpp's own server, which has a slot for each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    slots = str(len(prompts))
    room = str(len(prompts) * (options.evidence + 1024))
    command = [options.server, "-m", path, "--port", str(port), "-np", slots, "-c", room]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        while not _healthy(address):
            if server.poll() is not None:
                raise SystemExit(f"{options.server} ended with status {server.returncode}")
            time.sleep(0.3)
        began = time.perf_counter()
        with ThreadPoolExecutor(len(prompts)) as pool:
            replies = list(pool.map(lambda prompt, length: _ask(address, prompt, length), prompts, lengths))
        seconds = time.perf_counter() - began
    finally:
        server.kill()
        server.wait()
    return {
        "seconds": seconds,
        "generated": sum(reply["usage"]["completion_tokens"] for reply in replies),
        "evaluated": sum(reply["timings"]["prompt_n"] for reply in replies),
    }


def _healthy(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def _ask(address: str, prompt: str, answer: int) -> dict[str, Any]:
    job = {
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}],
        "grammar": GRAMMAR,
        "max_tokens": answer,
        "temperature": 0.0,
        "cache_prompt": True,
    }
    body, kind = json.dumps(job).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/v1/chat/completions", body, kind)
    with urllib.request.urlopen(request, timeout=3600) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


def show(runs: list[dict[str, dict[str, Any]]]) -> None:
    """The table of medians, then the JSON line."""
    own = runs[0]["ours"]
    seconds = {name: median(run[name]["seconds"] for run in runs) for name in runs[0]}
    for name, one in runs[0].items():
        times = f"{seconds[name] / seconds['ours']:5.2f} times ours"
        evaluated = f", {one['evaluated']} prompt tokens evaluated" if "evaluated" in one else ""
        print(f"{name:24} {seconds[name]:7.1f} s  {times}  {one['generated']} tokens written{evaluated}")
    print(f"prompt tokens evaluated: {own['evaluated_to_least']:.3f} times the least possible")
    outside = median(run["ours"]["outside_llama"] for run in runs)
    print(f"{outside:.1%} of the time outside llama.cpp; a retry took {own['retry_seconds']:.1f} s")
    load = os.getloadavg()
    print(f"{len(runs)} runs; load average {load[0]:.1f} on {os.cpu_count()} cores")
    print(json.dumps({"runs": runs, "load": load}))


if __name__ == "__main__":
    main()
