"""Census kinds `disk_roles`, `cache_homes`, `network_calls`, and files joined by folder and pattern."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "cut.py": """
        import json
        import os
        import sys
        import soundfile as sf

        room = sys.argv[1]

        def cut(sound, place):
            pieces = f"{place}/0_pieces"
            os.makedirs(pieces, exist_ok=True)
            for number, piece in enumerate(sound):
                sf.write(f"{pieces}/{number}.wav", piece, 16000)
            with open(os.path.join(place, "config.json"), "w") as handle:
                json.dump({}, handle)

        cut([1, 2], room)
    """,
    "learn.py": """
        import argparse
        import json
        import os
        import shutil
        import librosa
        import requests
        import torch
        from huggingface_hub import hf_hub_download
        from net import export

        class Net(torch.nn.Module):
            def forward(self, x):
                return x

        def fetch(url):
            with open("net.bin", "wb") as handle:
                handle.write(requests.get(url).content)

        def learn(place, out, base="outputs"):
            if os.path.exists(base):
                shutil.rmtree(base)
            os.makedirs(base)
            with open("elsewhere/config.json") as handle:
                settings = json.load(handle)
            net, seen = Net(), []
            for name in os.listdir(f"{place}/0_pieces"):
                sound = librosa.load(f"{place}/0_pieces/{name}")
                seen.append(net(sound))
            features = torch.cat(seen)
            features.export(f"{base}/all.wav")
            torch.save(net.state_dict(), os.path.join(out, "net.pth"))
            mask = f"{base}/mask.png"
            features.save(mask)
            return mask

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--place", default="work")
            parser.add_argument("--out", default="runs/first")
            args = parser.parse_args()
            fetch("https://example.org")
            requests.post("https://example.org/ask", json={})
            hf_hub_download("maker/net", "a.bin")
            os.makedirs(args.out)
            learn(args.place, args.out)

        if __name__ == "__main__":
            main()
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_files_meet_in_a_named_folder_and_not_by_a_common_base_name(codebase: Codebase) -> None:
    assert texts(codebase, "shared_files") == [
        "`{place}/0_pieces/{number}.wav` (audio): written by `cut()` (cut.py); read by `learn()` (learn.py)"
    ]


def test_what_is_written_is_told_by_what_it_is_for(codebase: Codebase) -> None:
    told = dict(text.split(": ", 1) for text in texts(codebase, "disk_roles"))
    assert told == {
        "Held in memory until they are used together": "`learn()` collects outputs of models over a loop and joins "
        "them: `seen`",
        "Intermediate results on disk, written by one step and read by another": "`{place}/0_pieces/{number}.wav` "
        "(audio) by `cut()` (cut.py)",
        "Files whose path the writing function returns to its caller": "`{base}/mask.png` (image, `base` is `outputs` "
        "by default) by `learn()` (learn.py)",
        "Results on disk": "`{base}/all.wav` (audio, `base` is `outputs` by default) by `learn()` (learn.py)",
        "Weights and checkpoints saved": "`{out}/net.pth` (torch checkpoint, `out` is `runs/first` by default) by "
        "`learn()` (learn.py)",
        "Files that are fetched and kept, no results": "`net.bin` by `fetch()` (learn.py)",
        "Settings and credentials that are written": "`{place}/config.json` (JSON) by `cut()` (cut.py)",
    }


def test_a_folder_that_is_cleared_before_it_is_filled_is_not_temporary(codebase: Codebase) -> None:
    assert texts(codebase, "temporary") == []


def test_a_temporary_file_tells_what_goes_into_it_and_who_takes_it() -> None:
    code = """
        import os
        import tempfile

        def read(path):
            return path

        def scan(picture):
            with tempfile.TemporaryDirectory() as room:
                picture.save(os.path.join(room, "page.png"))
                read(room)
            if os.path.exists("last.txt"):
                os.remove("last.txt")
            write()

        def write():
            open("last.txt", "w").write("done")
    """
    assert texts(codebase_of({"scan.py": code}), "temporary") == [
        "a temporary folder made by `scan()` (scan.py) with `tempfile.TemporaryDirectory()`, into which go `page.png`, "
        "given to `read()`; removed when the `with` block ends"
    ]


def test_caches_and_folders_have_their_names(codebase: Codebase) -> None:
    caches, folders = texts(codebase, "cache_homes")
    assert "`~/.cache/huggingface` (`maker/net`, by `main()` (learn.py); moved by `HF_HOME`)" in caches
    assert "`{args.out}` (`args.out` is `runs/first` by default) by `main()` (learn.py)" in folders


def test_a_download_is_no_talk_with_a_server(codebase: Codebase) -> None:
    (hit,) = run_query(codebase, "network_calls").hits
    assert hit.symbol == "main"


def test_a_download_that_is_given_a_folder_of_its_own_leaves_the_cache_alone() -> None:
    source = """
        from insightface.app import FaceAnalysis
        from huggingface_hub import snapshot_download

        def main(cache_dir=None):
            FaceAnalysis(root="./weights/face")
            snapshot_download("org/model", cache_dir=cache_dir)

        if __name__ == "__main__":
            main()
    """
    told = run_query(codebase_of({"main.py": source}), "cache_homes: what=caches").hits[0].text
    assert "the folder of `root=./weights/face` given by `main()`" in told
    assert "instead of `~/.insightface/models`" in told
    assert "`~/.cache/huggingface` (`org/model`, by `main()`" in told  # may be None


def test_pictures_that_a_library_writes_are_results_and_the_program_that_calls_it_is_judged() -> None:
    program = (
        "import argparse\nimport os\n\nfrom basicsr.utils import imwrite\n\nfrom restorer import Restorer\n\n\n"
        "def main():\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--output', default='results')\n"
        "    args = parser.parse_args()\n    restorer = Restorer(args.output)\n"
        "    picture = restorer.enhance('a.png')\n"
        "    imwrite(picture, os.path.join(args.output, 'restored', 'a.png'))\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    restorer = "class Restorer:\n    def __init__(self, at):\n        self.at = at\n\n    def enhance(self, path):\n"
    restorer += "        return path + self.at\n"
    codebase = codebase_of({"main.py": program, "restorer.py": restorer})
    (told,) = [text for text in texts(codebase, "disk_roles") if text.startswith("Results on disk")]
    assert "`{args.output}/restored/a.png` (image, `args.output` is `results` by default) by `main()`" in told
    assert "of the 2 functions and classes" in texts(codebase, "modularity")[0]


def test_what_a_function_named_for_it_fetches_over_the_network_is_no_result() -> None:
    files: dict[str, str | bytes] = {
        "main.py": """
            import sys
            import shutil
            import requests

            def download_folder(name, local_dir):
                requests.get(name)
                shutil.move(name, local_dir)

            def keep(name, local_dir):
                shutil.move(name, local_dir)

            def main(named_params, options):
                for key, value in named_params:
                    print(key, value, options.deep)
                download_folder("weights", sys.argv[1])
                keep("report.txt", "kept/report.txt")

            main([], None)
        """
    }
    told = texts(codebase_of(files), "disk_roles")
    assert any(text.startswith("Files that are fetched") and "`download_folder()`" in text for text in told)
    assert not any(text.startswith("Results on disk") and "download_folder" in text for text in told)
    assert any(text.startswith("Results on disk") and "kept/report.txt" in text for text in told)


def test_pairs_that_a_function_loops_over_are_no_options_object() -> None:
    weights = "def plain(named_params):\n    return {k: t for k, t in named_params}\n\n\n"
    told = "def told(run_options):\n    return run_options.deep\n\n\n"
    main = "def main(a):\n    kept = plain(a)\n    said = told(kept)\n    return plain(said)\n\n\nmain([])\n"
    (verdict,) = texts(codebase_of({"app.py": weights + told + main}), "modularity")[:1]
    assert "1 takes a whole options object (`told()`)" in verdict


def test_a_data_set_at_the_path_of_an_option_is_read_and_written() -> None:
    source = """
        import argparse
        import json
        from datasets import load_dataset, load_from_disk

        def main(args):
            if args.prepared_data:
                return load_from_disk(args.prepared_data)
            data = load_dataset("x")
            data.save_to_disk(args.prepared_data)
            json.dump({}, open(args.marks_file, "w"))
            return json.load(open(args.names_file))

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--prepared_data")
            parser.add_argument("--marks_file")
            parser.add_argument("--names_file")
            main(parser.parse_args())
    """
    assert texts(codebase_of({"app.py": source}), "shared_files") == [
        "`args.prepared_data` (dataset): read, and written by `main()` (app.py)"
    ]


def test_constants_of_other_modules_name_files_and_self_tests_write_no_results() -> None:
    files = {
        "README.md": "Start it with `python app.py`.",
        "app.py": """
            import os
            from places import SETTINGS_PATH, ROWS_PATH
            from tools.draw import draw

            def keep(rows):
                with open(ROWS_PATH, "w") as file:
                    file.write(rows)
                with open(SETTINGS_PATH, "w") as file:
                    file.write("a: 1")

            def load():
                with open(ROWS_PATH) as file:
                    return file.read()

            def put(rows, output_path):
                if not os.path.exists(os.path.dirname(output_path)):
                    os.makedirs(os.path.dirname(output_path))

            def main(video):
                put("", "results/tracks/{}".format(video))
                sound = video.download(filename="work/sound.wav")
                keep(draw(sound))
                return load()

            if __name__ == "__main__":
                main(None)
        """,
        "places.py": """
            import os

            ROOT = os.path.abspath("..")
            SETTINGS_PATH = os.path.join(ROOT, "settings.yaml")
            ROWS_PATH = os.path.join(ROOT, "rows", "last_rows.csv")
        """,
        "tools/draw.py": """
            def draw(rows):
                return rows

            if __name__ == "__main__":
                open("images/trial.png", "wb").write(draw(b""))
                draw(open("images/trial.png", "rb").read())
        """,
    }
    codebase = codebase_of(files)
    told = texts(codebase, "disk_roles")
    assert told == [
        "Intermediate results on disk, written by one step and read by another: `../rows/last_rows.csv` (table) by "
        "`keep()` (app.py)",
        "Settings and credentials that are written: `../settings.yaml` by `keep()` (app.py)",
    ]
    assert not any("trial.png" in text for text in texts(codebase, "shared_files"))
    assert texts(codebase, "cache_homes: what=folders") == [
        "Folders that are made and stay: `results/tracks` by `main()` (app.py)"
    ]
