"""Models that a started server program runs: told by the command's weights, run by the request that is sent to it."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

PIPELINE = """
    import argparse
    import asyncio
    import json

    from checks import tidy

    def build_query(path):
        return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": path}}]}]}

    async def send(url, body):
        reader, writer = await asyncio.open_connection("localhost", 8000)
        writer.write(f"POST {url} HTTP/1.1\\r\\n\\r\\n{json.dumps(body)}".encode())
        return await reader.read()

    async def read_page(args, path):
        address = f"{args.server}/chat/completions"
        return tidy(await send(address, build_query(path)), "plain")

    async def start(model, port):
        cmd = ["vllm", "serve", model, "--port", str(port), "--served-model-name", "reader"]
        cmd.extend(["--max-model-len", "4096"])
        return await asyncio.create_subprocess_exec(*cmd)

    async def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", default="acme/reader-7b")
        parser.add_argument("--server", default="http://localhost:8000/v1")
        args = parser.parse_args()
        await start(args.model, 8000)
        await read_page(args, "page.png")

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
    return codebase_of({"pipeline.py": PIPELINE, "checks.py": CHECKS})


def texts(code: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(code, query).hits]


def test_the_served_model_is_the_one_that_is_used_and_what_constants_rule_out_is_not(code: Codebase) -> None:
    used = texts(code, "model_summary: what=used")
    assert used[0].startswith("One model is used: `vllm serve` (language model that reads images, served by vLLM")
    assert used[0].endswith("from `acme/reader-7b`")
    aside = next(text for text in used if text.startswith("Only code that"))
    assert "AutoModelForCausalLM" in aside and not any(text.startswith("Outside the process") for text in used)


def test_it_is_started_filled_and_asked_at_its_places(code: Codebase) -> None:
    told = texts(code, "model_objects: vllm*")[0]
    assert "started by `start()`" in told and "`acme/reader-7b`" in told
    assert "run as `send(address, build_query(path))` in `read_page()`" in told
    formats = texts(code, "model_summary: what=formats")
    assert formats[0].startswith("Hugging Face folders") and "the vLLM process that `vllm serve` starts" in formats[0]


def test_an_address_that_is_not_sent_to_runs_nothing() -> None:
    text = 'def show(url):\n    print(url)\n\ndef main():\n    show("http://localhost/v1/chat/completions")\n'
    assert texts(codebase_of({"app.py": text}), "model_runs") == []


PARTS = """
    from segment_anything import SamPredictor, sam_model_registry

    class Cutter:
        def __init__(self, checkpoint, kind, size="unused.pth"):
            self.model = sam_model_registry[kind](checkpoint=checkpoint)
            self.predictor = SamPredictor(self.model)
            self.size = size

        def look(self, image):
            self.predictor.set_image(image)

    class Pipeline:
        def __init__(self, cutter):
            self.cutter = cutter

    def main(image):
        Cutter("sam_vit_h.pth", "vit_h", "used.pth").look(image)

    if __name__ == "__main__":
        main("picture.png")
"""


def test_a_predictor_around_a_model_of_a_table_has_its_weights_and_embeds_what_it_is_given() -> None:
    code = codebase_of({"app.py": PARTS})
    used = texts(code, "model_summary: what=used")[0]
    assert "`segment_anything.sam_model_registry` (image segmentation)" in used and "from `sam_vit_h.pth`" in used
    assert "self.model" not in "".join(texts(code, "model_summary: what=formats"))
    told = texts(code, "vision_told: part=embeddings")[0]
    assert "by `self.predictor.set_image(image)`, kept in that object" in told


def test_a_default_that_every_call_gives_another_value_for_is_no_source_of_weights() -> None:
    text = """
        from faster_whisper import WhisperModel

        class Reader:
            def load(self, size="unused", folder="models"):
                self.model = WhisperModel(size)
                return self.model.transcribe(folder)

        def main():
            Reader().load(size="large-v2")

        main()
    """
    told = texts(codebase_of({"app.py": text}), "model_weights")
    assert len(told) == 1 and "large-v2" in told[0] and "unused" not in told[0]


def test_what_only_the_main_block_of_an_imported_module_runs_is_not_used() -> None:
    nets = """
        import torch
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(3, 8, 3)

            def forward(self, image):
                return self.layer(image)

        class Trial(Net):
            pass

        def try_it():
            Trial()(torch.zeros(1))

        if __name__ == "__main__":
            try_it()
    """
    main = """
        import sys

        from lib import nets
        from manga_ocr import MangaOcr

        def main(image):
            reader = MangaOcr()
            return nets.Net()(image), reader(image)

        if __name__ == "__main__":
            main(sys.argv[1])
    """
    files = {
        "main.py": main,
        "lib/__init__.py": "",
        "lib/nets.py": nets,
        "README.md": "Run `python main.py picture.png`.\n",
    }
    used = texts(codebase_of(files), "model_summary: what=used")
    assert "`Net` (lib/nets.py)" in used[0] and "`MangaOcr`" in used[0] and "Trial" not in used[0]


def test_a_client_of_a_cloud_is_a_hosted_model_and_its_task_a_run() -> None:
    text = """
        from acme_cloudapi_sdk import Client, Config

        def main(path):
            client = Client(Config("token"))
            return client.run_task({"image": path, "model": "Finder-1"})

        if __name__ == "__main__":
            main("a.png")
    """
    code = codebase_of({"app.py": text})
    assert texts(code, "model_summary: what=used")[0].startswith("No model is loaded here: all are hosted")
    assert any("`client.run_task(" in told for told in texts(code, "model_runs"))


ASKING = """
    import argparse
    import requests

    from replies import Reader, Page

    def prompt():
        return "Read the page."

    def build_query(path, model):
        LONGEST = 512
        return {
            "model": model,
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": prompt()}, {"type": "image_url", "image_url": {"url": path}},
            ]}],
            "max_tokens": LONGEST,
        }

    def read_page(args, path):
        MOST = 4096
        query = build_query(path, args.model)
        if args.strict:
            query["guided_regex"] = "[a-z]+"
        answer = requests.post(f"{args.server}/chat/completions", json=query).json()
        if answer["usage"]["total_tokens"] > MOST:
            return None
        text = answer["choices"][0]["message"]["content"]
        reader = Reader(page=Page)
        print(text)
        return reader.read(text)

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", default="acme/reader-7b")
        parser.add_argument("--server", default="http://localhost:8000/v1")
        parser.add_argument("--strict", action="store_true")
        print(read_page(parser.parse_args(), "page.png"))

    if __name__ == "__main__":
        main()
"""
REPLIES = """
    class Page:
        pass

    class Reader:
        def __init__(self, page):
            self.page = page

        def read(self, text):
            return self.page, text
"""


@pytest.fixture(scope="module")
def asking() -> Codebase:
    return codebase_of({"ask.py": ASKING, "replies.py": REPLIES})


def test_what_requests_fix_ties_the_file_and_limits_a_swap(asking: Codebase) -> None:
    tied = texts(asking, "coupled_files: what=verdict")[0]
    assert tied.startswith("Most tightly tied to particular models is ask.py, which has in its requests to a model ")
    limits = texts(asking, "swap_blockers")[0]
    for said in (
        "`messages` of a chat with text and `image_url`", "the prompt that `prompt()` gives", "`max_tokens` = 512",
        "`guided_regex` as the form of the reply (where `args.strict`)",
        "`MOST = 4096` with which a number of tokens is compared", "`Reader(page=Page)` for the text of the reply",
    ):  # fmt: skip
        assert said in tied and said in limits, said
    assert "print" not in limits and "sent by `read_page()` (ask.py)" in limits


def test_the_option_with_the_address_is_where_another_server_is_named(asking: Codebase) -> None:
    told = texts(asking, "replaceable")
    assert "by configuration alone, the option `--server` (default `http://localhost:8000/v1`) can name any" in told[0]
    assert any("gives the address that `read_page()` (ask.py) asks at `/chat/completions`" in text for text in told)


def test_an_option_in_the_body_of_a_request_is_no_address() -> None:
    posting = ASKING.replace(
        'f"{args.server}/chat/completions", json=query', '"http://localhost/v1/chat/completions", json=body'
    )
    posting = posting.replace("        answer = requests", "        body = str(args.model)\n        answer = requests")
    told = texts(codebase_of({"ask.py": posting, "replies.py": REPLIES}), "replaceable")
    assert told and not any("can name any server" in text or "gives the address" in text for text in told)


def test_the_interface_is_what_sends_the_requests_and_not_what_constants_rule_out(code: Codebase) -> None:
    told = " ".join(texts(code, "modularity"))
    assert "through requests that `read_page(args, path)` (pipeline.py) sends" in told
    assert "with the messages that `build_query(path)` writes" in told
    assert "score(" not in told and "tidy(" not in told


def test_a_file_that_sends_other_requests_is_tied_to_no_model() -> None:
    text = 'import requests\n\ndef main():\n    requests.post("http://x.org/items", json={"name": "a"})\n\nmain()\n'
    assert texts(codebase_of({"app.py": text}), "coupled_files") == []
