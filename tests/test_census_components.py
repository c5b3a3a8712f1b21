"""Census kind `components`, and the words on what code works with, uses and serves."""

from retrieval.census import run_query
from retrieval.census.project.subjects import subject_words
from retrieval.census.project.tree_words import file_words
from tests.source_tree import codebase_of

APP = {
    "README.md": "```\npython run.py\n```\n",
    "run.py": (
        "from voice import Voice\nfrom face import draw\n\n\n"
        "def main():\n    setup()\n    v = Voice()\n    v.speak('a')\n\n\n"
        "def setup():\n    draw(1)\n\n\nif __name__ == '__main__':\n    main()\n"
    ),
    "voice.py": (
        "import librosa\nfrom face import draw\n\n\nclass Voice:\n    '''Speaks a text.'''\n\n    def __init__(self):\n"
        "        self.rate = librosa.get_samplerate('x')\n\n    def speak(self, text):\n        return draw(text)\n"
    ),
    "face.py": "import cv2\n\n\ndef draw(x):\n    y = cv2.resize(x, (1, 1))\n    return cv2.flip(y, 1)\n",
    "idle.py": "from face import draw\n\n\ndef never():\n    draw(2)\n    draw(3)\n",
}


def test_components_are_what_the_main_program_uses_in_order() -> None:
    found = run_query(codebase_of(APP), "components").hits
    assert [hit.name for hit in found] == ["Voice", "draw"]
    assert found[0].text == (
        "`Voice` (class of voice.py) - “Speaks a text” is used by `run.py` through `speak()`; it uses `draw()`; "
        "its file works with audio (`librosa`)"
    )


def test_functions_of_the_program_itself_are_entered_not_listed() -> None:
    names = [hit.name for hit in run_query(codebase_of(APP), "components").hits]
    assert "setup" not in names


def test_subjects_are_told_from_the_longest_known_import() -> None:
    codebase = codebase_of({"a.py": "import os\nimport torch.utils.data\nfrom scipy.io import wavfile\nimport cv2\n"})
    words = subject_words(codebase, codebase.facts["a.py"])
    assert words == "data sets (`torch.utils.data`), audio (`scipy.io.wavfile`), images (`cv2`)"


def test_a_module_of_the_repository_tells_no_subject() -> None:
    codebase = codebase_of({"a.py": "import clip\n", "clip.py": "x = 1\n"})
    assert subject_words(codebase, codebase.facts["a.py"]) == ""


def test_the_tree_says_who_uses_a_file_that_says_nothing_of_itself() -> None:
    codebase = codebase_of(APP)
    face = codebase.snapshot.by_path["face.py"]
    said = file_words(codebase, face, "function draw")
    assert said == "works with images (`cv2`); function draw; used by idle.py, run.py and 1 more"
    run = codebase.snapshot.by_path["run.py"]
    assert file_words(codebase, run, "functions main, setup") == "main program; functions main, setup; uses Voice, draw"


def test_a_module_that_is_imported_for_an_except_only_is_no_work_with_other_programs() -> None:
    guard = "import subprocess\n\n\ntry:\n    f()\nexcept subprocess.SubprocessError:\n    pass\n"
    codebase = codebase_of({"guard.py": guard, "call.py": "import subprocess\n\nsubprocess.run(['x'])\n"})
    assert subject_words(codebase, codebase.facts["guard.py"]) == ""
    assert subject_words(codebase, codebase.facts["call.py"]) == "other programs (`subprocess`)"


def test_subjects_are_told_of_what_the_main_programs_run() -> None:
    found = run_query(codebase_of(APP | {"idle.py": "import gradio\n"}), "subjects").hits
    assert [hit.text for hit in found] == ["audio: 1 file imports `librosa`", "images: 1 file imports `cv2`"]


def test_registered_classes_and_modules_loaded_by_name_are_components_too() -> None:
    files = {
        "README.md": "```\npython run.py\n```\n",
        "run.py": (
            "import importlib\nimport zoo\n\n\ndef main(name):\n    print(zoo.build(name))\n"
            "    return importlib.import_module(f'parts.{name}')\n\n\nif __name__ == '__main__':\n    main('a')\n"
        ),
        "zoo.py": (
            "TABLE = {}\n\n\ndef register(cls):\n    TABLE[cls.__name__] = cls\n    return cls\n\n\n"
            "def build(name):\n    return TABLE[name]()\n\n\n@register\nclass Bear:\n    pass\n"
        ),
        "parts/__init__.py": "",
        "parts/a.py": "def work():\n    return 1\n",
    }
    texts = {hit.name: hit.text for hit in run_query(codebase_of(files), "components").hits}
    assert texts["Bear"].endswith("is registered with `@register` and made by the name it has there")
    assert "may be loaded by a computed name in `main()` of run.py" in texts["parts/a.py"]


def test_short_functions_that_use_nothing_give_way_to_telling_components() -> None:
    extra = {f"part{n}.py": f"class Part{n}:\n    pass\n" for n in range(3)}
    imports = "".join(f"from part{n} import Part{n}\n" for n in range(3))
    calls = "".join(f"    Part{n}()\n" for n in range(3))
    run = f"{imports}from face import draw\n\n\ndef main():\n    draw(1)\n{calls}\n\nmain()\n"
    files = {"run.py": run, "face.py": APP["face.py"], **extra}
    assert [hit.name for hit in run_query(codebase_of(files), "components").hits] == ["Part0", "Part1", "Part2"]
