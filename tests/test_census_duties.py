"""What modules and folders do, as the tree and the list of modules say it."""

import pytest

from retrieval.census import run_query
from retrieval.census.flow.reach import reach_of
from retrieval.census.project.duties import work_of_folder
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES = {
    "README.md": "# Pix\n\nIt learns.\n\n## Fine-tuning\n\n```\npython train.py --lr 1\n```\n\n"
    "## Layout\n\n- `parts/steps.py`: cuts pictures into steps\n",
    "train.py": "import torch\nfrom parts.net import Net\nfrom parts.data import Pairs\n\n\n"
    "def main():\n    net = Net()\n    for x in Pairs():\n        loss = net(x)\n        loss.backward()\n\n\n"
    "if __name__ == '__main__':\n    main()\n",
    "parts/__init__.py": "",
    "parts/net.py": "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.layer = nn.Linear(2, 2)\n\n    def forward(self, x):\n"
    "        return self.layer(x)\n",
    "parts/crop.py": "from torch import nn\n\n\nclass Crop(nn.Module):\n"
    "    def forward(self, x):\n        return x[1:]\n",
    "parts/loss.py": "from torch import nn\n\n\nclass PairLoss(nn.Module):\n"
    "    def forward(self, a, b):\n        return a - b\n",
    "parts/data.py": "from torch.utils.data import Dataset\n\n\nclass Pairs(Dataset):\n    def __getitem__(self, n):\n"
    "        return n\n",
    "parts/steps.py": "def steps(x):\n    return x\n",
    "parts/guard.py": "import subprocess\n\n\ndef safe(run):\n    try:\n        run()\n"
    "    except subprocess.CalledProcessError:\n        return None\n",
    "conf/a.json": '{"depth": 1, "width": 2}',
    "conf/b.json": '{"depth": 1, "width": 2, "extra": 3}',
    ".ci/one.yml": "a: 1\n",
    ".ci/two.yml": "b: 1\n",
    "tests/test_net.py": "from parts.net import Net\n\n\ndef test_net():\n    assert Net()\n",
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def lines(codebase: Codebase) -> dict[str, str]:
    """Path → what the tree says of it."""
    return {hit.name: hit.text.partition(" - ")[2] for hit in run_query(codebase, "tree").hits}


def test_modules_are_told_by_what_their_calls_and_classes_do(codebase: Codebase) -> None:
    told = lines(codebase)
    assert told["train.py"].startswith("training program: runs models; README section “Fine-tuning”; function main")
    assert told["parts/net.py"].startswith("defines models; class Net")
    assert told["parts/loss.py"].startswith("defines losses")
    assert told["parts/data.py"] == "defines data sets; class Pairs; used by train.py"
    assert "defines models" not in told["parts/crop.py"]


def test_a_readme_that_describes_a_file_is_quoted(codebase: Codebase) -> None:
    assert "README: “cuts pictures into steps”" in lines(codebase)["parts/steps.py"]


def test_nothing_is_cut_off_and_an_except_is_no_work(codebase: Codebase) -> None:
    told = lines(codebase)
    assert not [text for text in told.values() if text.endswith(("used by", "uses"))]
    assert "starts programs" not in told["parts/guard.py"]


def test_folders_tell_their_work_shared_keys_and_tests_their_subject(codebase: Codebase) -> None:
    told = lines(codebase)
    nets = [file for file in codebase.snapshot.files if file.path in ("parts/net.py", "parts/loss.py")]
    assert work_of_folder(codebase, nets) == "defines models and losses"
    assert "tests of Net" in told["tests/test_net.py"]
    assert "each with the keys depth, width" in told["conf"]
    assert ".ci/one.yml" not in told


def test_a_module_of_which_a_part_is_run_is_not_outside(codebase: Codebase) -> None:
    hits = {hit.name: hit for hit in run_query(codebase, "modules: only=modules").hits}
    assert reach_of(codebase).has(hits["parts.net"])
    assert not reach_of(codebase).has(hits["parts.guard"])


ENGINE = """
    def small(x):
        \"\"\"Round a number.\"\"\"
        return x

    class Engine:
        def run(self, x):
            a = small(x)
LINES
            return a

    class Options:
        pass

    def solve(x):
        \"\"\"Solve one case.\"\"\"
        return Engine().run(x)
""".replace("LINES", "\n".join(f"            a = a + {number}" for number in range(100)))


def test_a_file_is_described_by_the_function_that_runs_most_of_it_and_a_script_by_what_it_makes() -> None:
    files: dict[str, str | bytes] = {
        "engine.py": ENGINE,
        "tools.py": "".join(
            f"def tool{n}(x):\n    return [{'x, ' * 9}\n" + "    x,\n" * 30 + "    ]\n\n" for n in (1, 2, 3)
        ),
        "main.py": "from engine import solve\nfrom tools import tool1, tool2, tool3\n\ndef main():\n    tool1(1)\n"
        "    tool2(2)\n    tool3(3)\n    print(solve(1))\n\nif __name__ == '__main__':\n    main()\n",
        "demo.py": "from engine import Engine\nA = 1\ne = Engine()\ne.run(1)\ne.show(2)\ne.save(3)\ne.close()\n",
        "train.sh": "#!/bin/bash\n# export PATH=/usr/bin\npython main.py --case 1\n",
    }
    codebase = codebase_of(files)
    (module,) = [hit.text for hit in run_query(codebase, "modules: only=modules").hits if hit.path == "engine.py"]
    assert "`solve`: “Solve one case”; mainly `solve()`, which uses `Engine`" in module and "Round" not in module
    tree = "\n".join(hit.text for hit in run_query(codebase, "tree").hits)
    assert "script that makes Engine and calls e.run, e.show, e.save, e.close" in tree
    assert "train.sh - starts main.py" in tree and "export" not in tree
    parts = [hit.text for hit in run_query(codebase, "components").hits]
    assert any(text.startswith("`Engine` (class of engine.py) does the work of `solve()`") for text in parts)


def test_a_folder_is_told_by_the_base_of_its_classes_and_its_commands() -> None:
    classes = "\n\n".join(f"class {name}(Reader):\n    pass" for name in ("Csv", "Html", "Pdf"))
    base = 'class Reader:\n    """Opens one kind of document."""\n'
    records = "from dataclasses import dataclass\n\n" + "\n\n".join(
        f"@dataclass\nclass {name}Options:\n    kind: str = 'a'" for name in ("Csv", "Html", "Pdf")
    )
    files = {
        "pkg/__init__.py": "",
        "pkg/readers/__init__.py": "",
        "pkg/readers/base.py": base,
        "pkg/readers/all.py": f"from pkg.readers.base import Reader\n\n{classes}\n",
        "pkg/data/__init__.py": "",
        "pkg/data/options.py": records,
    }
    told = {hit.name: hit.text for hit in run_query(codebase_of(files), "modules: only=folders").hits}
    assert "implementations of `Reader` (“Opens one kind of document”)" in told["pkg/readers"]
    assert "options and data classes" in told["pkg/data"]


FOLDERS = {
    "run.py": """
        from store.shelf import Shelf
        from flows.first import First
        from flows.second import Second

        if __name__ == "__main__":
            Shelf().put(First().run())
            Second().run()
    """,
    "store/__init__.py": "",
    "store/shelf.py": """
        class Shelf:
            '''Keeps what came out, newest first.'''

            def put(self, item):
                print(item)
    """,
    "store/marks.py": "def mark(x):\n    return x\n",
    "flows/base.py": "class Flow:\n    def run(self):\n        return None\n",
    "flows/first.py": """
        from flows.base import Flow
        from store.shelf import Shelf

        class First(Flow):
            def run(self):
                return Shelf()
    """,
    "flows/second.py": "from flows.base import Flow\n\nclass Second(Flow):\n    def run(self):\n        return 2\n",
    "words.py": "".join(f"WORDS_{n} = frozenset(['a', 'b'])\n" for n in range(8)),
    "ask.py": "import gradio as gr\n\ndef ask(progress=gr.Progress()):\n    return open('a')\n",
    "lone/engine.py": 'class Engine:\n    """Runs a step."""\n'
    + "".join(f"    def step_{n}(self):\n        return {n}\n\n" for n in range(22)),
}


def test_folders_and_files_without_words_of_their_own_say_what_they_do() -> None:
    codebase = codebase_of(FOLDERS)
    tree = " | ".join(hit.text for hit in run_query(codebase, "tree").hits)
    assert "store/ - Shelf: “Keeps what came out, newest first”" in tree
    assert "First (a Flow) makes Shelf; class First" in tree
    assert "constants WORDS_0, WORDS_1" in tree
    assert "builds an interface" not in tree
    folders = [hit.name for hit in run_query(codebase, "modules: only=folders").hits]
    assert "lone" in folders
