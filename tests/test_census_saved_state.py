"""State that is saved and read back, and what streams: generators with their takers, pipes whose data is used."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

TRAIN = """
    import sys
    import torch

    def read(path):
        with open(path, "rb") as handle:
            return torch.load(handle)

    def batches(loader):
        for batch in loader:
            yield batch

    def train(model, optimizer, folder, resume, loader):
        start = 0
        if resume is not None:
            saved = read(resume)
            start = saved["epoch"]
            model.load_state_dict(saved["state_dict"])
            optimizer.load_state_dict(saved["optimizer"])
        for epoch in range(start, 9):
            for batch in batches(loader):
                model(batch)
            state = {"epoch": epoch, "state_dict": model.state_dict()}
            state["optimizer"] = optimizer.state_dict()
            torch.save(state, f"{folder}/epoch_{epoch}.pt")

    if __name__ == "__main__":
        train(torch.nn.Linear(2, 2), None, sys.argv[1], sys.argv[2], [])
"""
EXPORT = """
    import subprocess
    import torch

    def export(model, path):
        torch.save({"weights": model.state_dict(), "labels": [1]}, path)

    def convert(path):
        found = torch.load(path)
        return found["config"], found["vocabulary"]

    def sync(folder):
        done = subprocess.run(["aws", "s3", "sync", folder, "there"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode == 0

    def newest(folder):
        done = subprocess.run(["aws", "s3", "ls", folder], stdout=subprocess.PIPE)
        return done.stdout.decode().split()
"""


def texts(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_a_checkpoint_is_joined_to_what_reads_its_keys_and_an_export_to_nothing() -> None:
    assert texts({"train.py": TRAIN, "export.py": EXPORT}, "saved_state") == [
        "state saved with the keys `epoch`, `state_dict`, `optimizer`: written by `train()` (train.py) to "
        "`{folder}/epoch_{epoch}.pt`; read back by `train()` (train.py) with `read()` (`epoch`, `state_dict`, "
        "`optimizer`), if `resume is not None`"
    ]


def test_a_trainer_that_resumes_reads_the_checkpoints_of_its_library() -> None:
    code = (
        "from transformers import Trainer\ndef run(a):\n    t = Trainer(a)\n    t.train(resume_from_checkpoint=True)\n"
    )
    assert texts({"run.py": code}, "saved_state") == [
        "checkpoints that the trainer of the library writes: read back by `run()` (run.py) with "
        "`t.train(resume_from_checkpoint=True)`"
    ]


def test_a_generator_is_told_with_its_takers_and_a_pipe_only_where_its_data_is_used() -> None:
    files: dict[str, str | bytes] = {"train.py": TRAIN, "export.py": EXPORT}
    assert texts(files, "generators") == ["`batches()` (train.py) yields `batch`, taken by `train()` (train.py)"]
    assert texts(files, "pipes") == ["`newest()` (export.py) reads the output of `aws` through a pipe"]


def test_paths_that_are_unknown_but_for_a_common_folder_are_not_joined() -> None:
    write = (
        "import soundfile\ndef cut(out, n, wave):\n    soundfile.write(f'{out}/wavs/segment_{n}.wav', wave, 16000)\n"
    )
    read = (
        "import soundfile\ndef other(dataset, name):\n    return soundfile.read(f'{dataset}/wavs/{name}.wav')\n"
        "def page(render_template, report, fname):\n    report.save_as_html(filename=f'{fname}.html')\n"
        "    return render_template('index.html')\n"
    )
    assert texts({"write.py": write, "read.py": read}, "shared_files") == []
