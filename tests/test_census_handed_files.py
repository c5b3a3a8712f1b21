"""Census kind `handed_files`: files that one body writes and hands on by path; commands that read and write files."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "speak.py": """
        import os
        import subprocess
        import sys
        import tempfile
        from pathlib import Path

        import soundfile as sf
        import whisper

        model = whisper.load_model("tiny")

        def pull_sound(video, sound):
            subprocess.run(["ffmpeg", "-i", str(video), "-y", str(sound)], check=True)

        def transcribe(path):
            return model.transcribe(str(path))

        def understand(video: Path):
            with tempfile.NamedTemporaryFile(suffix=".wav", delete=False) as handle:
                wav_path = Path(handle.name)
            print(wav_path)
            pull_sound(video, wav_path)
            text = transcribe(wav_path)
            wav_path.unlink()
            return text

        def from_bytes(data, where):
            if data:
                with tempfile.NamedTemporaryFile(delete=False) as kept:
                    kept.write(data)
                    held = Path(kept.name)
                path = held
            else:
                path = where
            return transcribe(path)

        def render(pages, folder):
            for page in pages:
                target = f"{folder}/{page.number}.png"
                page.picture.save(target)
                os.system(f"tesseract {target} stdout")
                target = f"{folder}/{page.number}.json"
                inspect(target)

        def either(sound, fast):
            if fast:
                out = "fast.wav"
                sf.write(out, sound, 16000)
            else:
                out = "slow.wav"
                transcribe(out)

        def only_written(sound):
            out = "kept.wav"
            sf.write(out, sound, 16000)
            print(out)

        if __name__ == "__main__":
            understand(Path(sys.argv[1]))
            from_bytes(b"", sys.argv[1])
            render([], "pages")
            either([], True)
            only_written([])
    """,
    "cut.py": """
        import subprocess
        import cv2

        def join(name, music):
            cv2.imwrite("frames/still_one.png", name)
            words = ["magick", "frames/still_one.png"]
            words += ["-o", "films/joined_one.mp4"]
            words.append(music)
            subprocess.check_call(words)
            return cv2.VideoCapture("films/joined_one.mp4")
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_a_file_that_a_program_writes_is_given_to_a_model(codebase: Codebase) -> None:
    [told] = texts(codebase, "handed_files: understand")
    assert told == (
        "in `understand()` (speak.py) `pull_sound()` (the program `ffmpeg`) writes `wav_path`, a temporary audio file, "
        "whose path is then given to `transcribe()` (the model `whisper.load_model`)"
    )


def test_a_file_is_followed_through_its_handle_and_other_names(codebase: Codebase) -> None:
    [told] = texts(codebase, "handed_files: from_bytes")
    assert "`kept.write()` writes `path`, a temporary file, whose path is then given to `transcribe()`" in told


def test_a_name_that_is_bound_anew_is_another_file(codebase: Codebase) -> None:
    [told] = texts(codebase, "handed_files: render")
    given = "whose path is then given to `os.system()` (the program `tesseract`)"
    assert told.endswith(f"`page.picture.save()` writes `target`, an image file, {given}")


def test_what_is_not_handed_on_is_not_told(codebase: Codebase) -> None:
    assert not texts(codebase, "handed_files: either")  # the other arm of the `if` takes another file
    assert not texts(codebase, "handed_files: only_written")


def test_the_words_of_a_command_are_read_and_written(codebase: Codebase) -> None:
    told = " ".join(texts(codebase, "shared_files"))
    assert "`films/joined_one.mp4`: written, and read again by `join()` (cut.py)" in told
    assert "`frames/still_one.png` (image): written, and read again by `join()`" in told


def test_what_a_function_writes_for_a_body_that_hands_the_file_on_is_no_final_result() -> None:
    source = """
        import subprocess
        import tempfile
        import whisper

        def extract(film, sound):
            subprocess.run(["ffmpeg", "-i", film, sound])

        def main(film):
            model = whisper.load_model("tiny")
            with tempfile.NamedTemporaryFile(suffix=".wav", delete=False) as file:
                sound = file.name
            extract(film, sound)
            words = model.transcribe(sound)
            open("words.txt", "w").write(str(words))

        if __name__ == "__main__":
            main("a.mp4")
    """
    told = texts(codebase_of({"app.py": source}), "disk_roles: what=results|handed")
    assert any("`extract()`" in text and "`model.transcribe()`" in text for text in told), told
    assert not any("`sound`" in text for text in told if text.startswith("Results on disk")), told
    assert any("words.txt" in text for text in told if text.startswith("Results on disk")), told


def test_a_command_is_no_file_that_is_handed_on() -> None:
    code = """
        import subprocess

        def enlarge(program, picture, large):
            words = [
                program,
                "-i", picture,
                "-o", str(large),
            ]
            return subprocess.Popen(words)

        def main():
            enlarge("tool", "a.png", "b.png")

        if __name__ == "__main__":
            main()
    """
    assert run_query(codebase_of({"run.py": code}), "handed_files").hits == ()
