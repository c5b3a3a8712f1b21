"""Census kinds on files: shared between functions and programs, temporary by use, tables of databases, buffers."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "prepare.py": """
        import json
        import os
        import sys
        from places import frames_folder

        def save(path, value):
            with open(path, "w") as handle:
                json.dump(value, handle)

        def prepare(out):
            for part in range(3):
                target = "%s/names-%s.json" % (out, part)
                save(target, [part])
            folder = frames_folder(out)
            os.makedirs(folder, exist_ok=True)
            run(["ffmpeg", "-i", out, os.path.join(folder, "%04d.png")])

        def run(words):
            print(words)

        if __name__ == "__main__":
            prepare(sys.argv[1])
    """,
    "places.py": """
        import os

        ROOM = "temp"

        def frames_folder(out):
            return os.path.join(out, ROOM, os.path.basename(out))
    """,
    "train.py": """
        import io
        import glob
        import json
        import os
        import shutil
        import sys
        import tempfile
        import cv2
        from places import frames_folder

        gpu_temp = "temperature/gpu_temp"

        class Names:
            def __init__(self, out):
                self.path = f"{out}/names-0.json"

            def load(self):
                return json.load(open(self.path))

        def frames(out):
            return glob.glob(os.path.join(frames_folder(out), "*.png"))

        def encode(out):
            folder = frames_folder(out)
            command = ["ffmpeg", "-i", os.path.join(folder, "%04d.png"), "result.mp4"]
            print(command)

        def sharpen(frame_paths):
            for frame_path in frame_paths:
                image = cv2.imread(frame_path)
                cv2.imwrite(frame_path, image * 2)

        def preview(image):
            buffer = io.BytesIO()
            image.save(buffer, format="png")
            return buffer

        def clear(out):
            shutil.rmtree(frames_folder(out))

        def scratch():
            handle, path = tempfile.mkstemp()
            print(handle, path)
            os.remove(path)

        def main(out):
            print(Names(out).load(), preview(gpu_temp))
            sharpen(frames(out))
            encode(out)
            scratch()
            clear(out)

        if __name__ == "__main__":
            main(sys.argv[1])
    """,
    "models.py": """
        from sqlalchemy import Column, Integer, String
        from base import Base

        class Message(Base):
            \"\"\"What was said.\"\"\"

            __tablename__ = "message"
            id = Column(Integer, primary_key=True)
            query = Column(String)
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_a_program_reads_what_another_one_writes_through_helpers_and_patterns(codebase: Codebase) -> None:
    assert texts(codebase, "shared_files") == [
        "`{out}/names-{part}.json`: written by `prepare()` (prepare.py); read by `Names.load()` (train.py)",
        "`{out}/temp/{os.path.basename(out)}/%04d.png`: written by `prepare()` (prepare.py); read by `frames()`, "
        "`encode()` (train.py)",
        "the file at `frame_path`: `sharpen()` (train.py) reads it with `cv2.imread()` and writes the result back to "
        "the same path with `cv2.imwrite()`",
    ]


def test_temporary_is_what_is_removed_again_and_not_what_is_called_temp(codebase: Codebase) -> None:
    told = texts(codebase, "temporary")
    assert told == [
        "a temporary file made by `scratch()` (train.py) with `tempfile.mkstemp()`; removed by `scratch()`",
        "the folder `{out}/temp/{os.path.basename(out)}`, made by `prepare()` (prepare.py), into which go `%04d.png` "
        "by `prepare()` (prepare.py); removed by `clear()` (train.py)",
    ]


def test_saving_into_a_buffer_is_no_file(codebase: Codebase) -> None:
    assert not [text for text in texts(codebase, "writes") if "buffer" in text]


def test_a_table_tells_its_columns(codebase: Codebase) -> None:
    assert texts(codebase, "database_tables") == [
        "the table `message` (class `Message`, “What was said”) with the columns `id`, `query`"
    ]


def test_a_temporary_file_is_paired_with_what_removes_it() -> None:
    files = {
        "a.py": """
import os
import shutil
import tempfile
from pathlib import Path


def closed(data):
    with tempfile.NamedTemporaryFile(delete=False) as f:
        f.write(data)
        name = Path(f.name)
    try:
        return use(name)
    finally:
        name.unlink()


class Holder:
    def __init__(self):
        self._folder = tempfile.mkdtemp()

    def close(self):
        shutil.rmtree(self._folder)


def made():
    handle, path = tempfile.mkstemp()
    return path


def caller():
    where = made()
    os.remove(where)


def left():
    folder = tempfile.mkdtemp()
    text = open(folder).read()
    os.remove(text)
"""
    }
    ends = {hit.symbol: hit.text.rpartition("; ")[2] for hit in run_query(codebase_of(files), "temporary").hits}
    assert ends == {
        "closed": "removed in a `finally` of `closed()`",
        "Holder.__init__": "removed by `Holder.close()`",
        "made": "its path is returned, and it is removed by `caller()`",
        "left": "no removal of it was traced",
    }
