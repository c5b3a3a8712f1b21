"""Models that live in a server which the program starts as a process, and requests that ask one over HTTP."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

READER = """
    import argparse
    import asyncio
    import json

    from checks import tidy

    LIMIT = asyncio.Semaphore(4)

    def question(picture, name):
        return {
            "model": name,
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": picture}}]}],
        }

    async def send(url, body):
        reader, writer = await asyncio.open_connection(url, 80)
        text = json.dumps(body)
        writer.write(f"POST {url} HTTP/1.1\\r\\n\\r\\n{text}".encode())
        return await reader.read()

    async def read_page(args, picture):
        address = f"{args.server.rstrip('/')}/chat/completions"
        async with LIMIT:
            return tidy(await send(address, question(picture, "mine")), "plain")

    async def start(weights, args):
        cmd = ["vllm", "serve", weights, "--port", str(args.port), "--served-model-name", "mine"]
        if args.share is not None:
            cmd.extend(["--gpu-memory-utilization", str(args.share)])
        process = await asyncio.create_subprocess_exec(*cmd)
        await process.wait()
        process.terminate()

    async def fetched(name):
        return name

    async def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", default="acme/reader-7b", help="hub name or folder")
        parser.add_argument("--server", default="http://localhost:8000/v1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--share", type=float)
        args = parser.parse_args()
        weights = await fetched(args.model)
        server = asyncio.create_task(start(weights, args))
        print(await asyncio.gather(*[asyncio.create_task(read_page(args, page)) for page in ("a", "b")]))
        server.cancel()

    if __name__ == "__main__":
        asyncio.run(main())
"""


CHECKS = """
    from transformers import AutoModelForCausalLM

    def score(text):
        return AutoModelForCausalLM.from_pretrained("acme/tiny")(text)

    def tidy(text, engine):
        if engine == "scored":
            return score(text)
        return text
"""


@pytest.fixture(scope="module")
def code() -> Codebase:
    return codebase_of({"reader.py": READER, "checks.py": CHECKS})


def _texts(code: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(code, query).hits]


def test_the_process_of_a_server_is_the_model_and_the_request_runs_it(code: Codebase) -> None:
    told = next(text for text in _texts(code, "model_objects") if text.startswith("`vllm serve`"))
    assert "language model that reads images, served by vLLM, a process of its own): started by `start()`" in told
    assert "which may be `acme/reader-7b`" in told
    assert '`send(address, question(picture, "mine"))` in `read_page()`' in told
    assert "terminate" not in told and "wait" not in told


def test_what_is_used_is_the_served_model_with_its_weights(code: Codebase) -> None:
    used = _texts(code, "model_summary: what=used")[0]
    assert used.startswith("One model is used: `vllm serve`") and "from `acme/reader-7b`" in used
    assert "library" not in used
    assert not any(text.startswith("Outside the process") for text in _texts(code, "model_summary: what=used"))
    assert _texts(code, "model_summary: what=formats")[0].startswith("Hugging Face folders")


def test_what_constants_rule_out_is_not_used(code: Codebase) -> None:
    used = _texts(code, "model_summary: what=used")
    assert "AutoModelForCausalLM" not in used[0]
    assert "AutoModelForCausalLM" in next(text for text in used if text.startswith("Only code that"))


def test_the_option_of_a_command_that_names_what_is_served_gives_no_model(code: Codebase) -> None:
    started = run_query(code, "started").hits
    assert [(hit.detail["program"], hit.detail["flag"]) for hit in started] == [("vllm", "")]


@pytest.mark.parametrize(
    "call",
    [
        'subprocess.Popen([sys.executable, "-m", "sglang.launch_server", "--model-path", NAME])',
        'subprocess.Popen(f"sglang.launch_server --model-path {NAME} --port 1", shell=True)',
        'subprocess.Popen(("trtllm-serve", NAME))',
        'os.execvp("llama-server", ["llama-server", "-m", NAME])',
    ],
)
def test_a_server_is_known_by_its_command(call: str) -> None:
    text = f'import os\nimport subprocess\nimport sys\n\nNAME = "acme/tiny.gguf"\n\n{call}\n'
    told = _texts(codebase_of({"serve.py": text}), "model_objects")
    assert len(told) == 1 and "model, served by " in told[0] and "acme/tiny.gguf" in told[0]


def test_other_programs_and_other_requests_are_no_models() -> None:
    text = """
        import subprocess
        import requests

        subprocess.run(["pdftoppm", "-r", "150", "serve.pdf"])
        subprocess.run(["vllm", "--version"])

        def status(server):
            return requests.post(f"{server}/status", json={"model": "x"})

        status("http://localhost")
    """
    assert not _texts(codebase_of({"other.py": text}), "model_objects")


def test_a_request_to_a_host_that_is_written_out_asks_no_server_that_is_started_here() -> None:
    text = """
        import subprocess
        import requests

        subprocess.Popen(["vllm", "serve", "acme/tiny"])

        def near(body):
            return requests.post("http://localhost:8000/v1/chat/completions", json=body)

        def far(body):
            return requests.post("https://api.acme.com/v1/chat/completions", json=body)

        print(near({}), far({}))
    """
    told = _texts(codebase_of({"both.py": text}), "model_runs")
    assert any("`near()` calls" in item and "runs `vllm serve`" in item for item in told)
    assert any("`far()` calls" in item and "hosted language model" in item for item in told)


def test_a_session_and_a_function_that_posts_ask_a_model() -> None:
    text = """
        import requests

        class Client:
            def __init__(self, base):
                self.base = base
                self.session = requests.Session()

            def ask(self, text):
                body = {"model": "tiny", "messages": [{"role": "user", "content": text}]}
                return self.session.post(self.base, json=body)

        def sent(url, body):
            return requests.post(url, json=body, timeout=3)

        def answer(text):
            return sent("http://models:11434/api/chat", {"prompt": text})

        print(Client("http://models").ask("who"), answer("who"))
    """
    told = _texts(codebase_of({"client.py": text}), "model_runs")
    assert any("`Client.ask()` calls" in item for item in told) and any("`answer()` calls" in item for item in told)
    assert not any("`sent()` calls" in item for item in told)


def test_an_address_that_is_not_sent_to_runs_nothing() -> None:
    text = 'def show(url):\n    print(url)\n\ndef main():\n    show("http://localhost/v1/chat/completions")\n'
    assert not _texts(codebase_of({"app.py": text}), "model_runs")


def test_the_request_is_a_step_of_the_program_and_stands_in_the_order_of_models(code: Codebase) -> None:
    steps = "\n".join(_texts(code, "pipeline"))
    assert "Calls `read_page()`" in steps and "Runs the model `vllm serve`: `send(address" in steps
    order = "\n".join(_texts(code, "outline"))
    assert "Run, in this order: `vllm serve`" in order and "by `send()` in `read_page()`" in order


def test_the_option_that_names_what_is_served_lets_another_model_take_its_place(code: Codebase) -> None:
    told = "\n".join(_texts(code, "replaceable"))
    assert "the option `--model` (default `acme/reader-7b`) can name any model that vLLM serves" in told or (
        "what the option `--model` (default `acme/reader-7b`) names with `vllm serve`" in told
    )


def test_the_memory_of_a_served_model_is_that_of_its_process_until_it_is_ended(code: Codebase) -> None:
    placed = _texts(code, "placements")[0]
    assert "in the memory of the vLLM process that `start()` starts" in placed and "--gpu-memory-utilization" in placed
    assert "ends the process that runs `vllm serve`: `process.terminate()`" in "\n".join(_texts(code, "unloading"))
    assert "until `process.terminate()`" in _texts(code, "residency")[0]
