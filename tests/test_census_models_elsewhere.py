"""Models that run in started programs and behind services, and what then shares the memory of one process."""

from retrieval.census import run_query
from retrieval.census.models.models_elsewhere import elsewhere
from tests.source_tree import codebase_of

OCR = """
    import subprocess
    import requests
    from dataclasses import dataclass

    @dataclass
    class Options:
        tesseract_cmd: str = "tesseract"
        path: str = "page.png"

    class Reader:
        def __init__(self, options):
            self.options = options
            self._cmd = clean(options.tesseract_cmd)

        def read(self, page):
            cmd = [self._cmd]
            cmd.append(page)
            return subprocess.run(cmd, capture_output=True).stdout

    class Server:
        def __init__(self, binary):
            self.binary = binary

        def start(self, weights):
            cmd = [self.binary, "--model", weights]
            if weights:
                cmd.append("--no-mmap")
            return subprocess.Popen(cmd)

    def clean(name):
        return name.strip()

    def describe(url, image):
        payload = {"messages": [{"role": "user", "content": image}]}
        return requests.post(url, json=payload)

    def cut(video):
        subprocess.run(["ffmpeg", "-i", video])

    if __name__ == "__main__":
        Server(find()).start("weights.gguf")
        describe("http://here", Reader(Options()).read("page.png"))
        cut("a.mp4")
"""


def test_models_of_started_programs_and_services_are_not_said_to_share_the_memory_of_the_process() -> None:
    told = [hit.text for hit in run_query(codebase_of({"ocr.py": OCR}), "concurrency: memory").hits]
    assert told == [
        "Outside the process of the main programs models run as `tesseract`, an outside program, started as a process "
        "by `Reader.read()` (ocr.py); `self.binary`, an outside program that is given a model with `--model`, started "
        "as a process by `Server.start()` (ocr.py); models behind a service, asked over the network by `describe()` "
        "(ocr.py)",
        "Other separate processes: only outside programs (`ffmpeg`), which share no memory with the code and are given "
        "arguments, files or pipes. Everything else that the main programs run lives in one process and shares its "
        "memory through ordinary objects",
    ]


def test_a_client_of_the_model_server_that_the_repository_sets_up_asks_no_foreign_service() -> None:
    client = (
        "import tritonclient.grpc as grpcclient\n\n\ndef main():\n"
        "    client = grpcclient.InferenceServerClient(url='localhost:8001')\n    return client\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    foreign = codebase_of({"client.py": client})
    own = codebase_of({"client.py": client, "served/voice/config.pbtxt": 'name: "voice"\n'})
    ((told, _),) = elsewhere(foreign)
    assert told.startswith("models behind a service, asked over the network by `main()`")
    ((told, hits),) = elsewhere(own)
    assert told == (
        "a Triton model server that the repository sets up itself (`served/voice/config.pbtxt`), asked over the "
        "network by `main()` (client.py)"
    )
    assert [hit.path for hit in hits] == ["client.py"]
