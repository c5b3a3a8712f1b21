"""Census kinds on replacing models: what decides which is made, what callers ask of it, which files are tied to it."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "main.py": """
        import sys
        from torch import nn
        from transformers import AutoModel
        from nets import Net, Tiny, Wide

        TABLE = {"tiny": Tiny, "wide": Wide}

        def build(args):
            if args.kind == "net":
                return Net(args.size)
            return TABLE[args.kind](args.size)

        def main(args):
            model = build(args)
            helper = AutoModel.from_pretrained(args.name)
            other = AutoModel.from_pretrained("fixed/name")
            net = Net(3)
            for item in args.items:
                try:
                    out = net(item)
                except ValueError:
                    out = fall_back(item)
                    continue
                if args.verbose:
                    report(out["logits"], out.shape)

        def report(logits, shape):
            global LAST
            LAST = logits
            print(logits, shape)
            print(len(logits))
            print(shape[0])

        def fall_back(item):
            print(item)
            print(item)
            print(item)
            print(item)
            print(item)
            print(item)
            return item

        if __name__ == "__main__":
            main(sys.argv)
    """,
    "nets.py": """
        from torch import nn

        class Net(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.layer = nn.Linear(size, size)
            def forward(self, x):
                return {"logits": self.layer(x)}

        class Tiny(Net):
            pass

        class Wide(Net):
            pass
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_how_models_are_chosen(codebase: Codebase) -> None:
    verdict, named, table, closed = texts(codebase, "replaceable")
    assert verdict == (
        "Yes for some models, no for others. Without a change of code: by configuration alone, `name` can name any "
        "model that `AutoModel.from_pretrained` of `transformers` gives. Among what the code lists, where another "
        "takes one more entry: by name, `args.kind` selects one of the 2 classes of `TABLE` (`tiny`, `wide`). Only by "
        "a change of code: `Net`"
    )
    assert named.startswith("By configuration alone: `main()` (main.py) makes what `name` names with")
    assert "`TABLE` (main.py) is a table of 2 classes (`Tiny`, `Wide`)" in table
    assert closed == (
        'A closed choice in the code: `build()` (main.py) makes `Net` if `args.kind == "net"`; '
        "one of `TABLE[args.kind]` otherwise"
    )


def test_without_a_table_or_a_name_nothing_can_be_replaced_without_an_edit() -> None:
    files = {"nets.py": FILES["nets.py"], "run.py": "from nets import Net\nnet = Net(3)\nprint(net(1))\n"}
    verdict, fixed = texts(codebase_of(files), "replaceable")
    assert verdict.startswith("No interface, registry or plug-in lets one put another class of model in")
    assert fixed == "The class of `Net` is fixed in the script run.py (run.py)"


def test_plug_in_modules_need_the_functions_of_a_list() -> None:
    files = {
        "core.py": """
            import importlib
            METHODS = ["start", "run"]
            def load(name):
                module = importlib.import_module("plugins." + name)
                for method in METHODS:
                    if not hasattr(module, method):
                        raise NotImplementedError
                return module
        """,
        "plugins/__init__.py": "",
        "plugins/one.py": "def start(): pass\ndef run(): pass\n",
        "plugins/two.py": "def start(): pass\ndef run(): pass\ndef more(): pass\n",
        "plugins/half.py": "def start(): pass\n",
    }
    assert texts(codebase_of(files), "plugin_contracts") == [
        "`load()` (core.py) loads a module by its name and checks that it has the 2 functions of `METHODS`: `start`, "
        "`run`; 2 modules have them: plugins/one.py, plugins/two.py"
    ]


def test_what_callers_use_of_a_result(codebase: Codebase) -> None:
    assert texts(codebase, "model_demands") == [
        "`main()` calls `Net.forward()` as `net(item)`; of its result it reads the keys `logits` and uses `.shape`"
    ]


def test_files_are_ranked_by_what_ties_them_to_models(codebase: Codebase) -> None:
    assert texts(codebase, "coupled_files") == [
        "main.py makes `AutoModel`, `Net`, `Tiny`, `Wide`; calls `Net`; names the weights `fixed/name`; "
        "makes whichever model is named with `AutoModel`"
    ]
    verdict, classes = texts(codebase, "coupled_files: what=verdict")
    assert verdict.startswith(
        "Most tightly tied to particular models is main.py, which makes `AutoModel`, `Net`, `Tiny`"
    )
    assert classes == "The model classes themselves, with their sizes and layers, are defined in nets.py"


def test_a_switch_over_formats_ties_tighter_than_a_loader_of_any_model() -> None:
    loader = "from transformers import AutoModel, AutoProcessor\n\n\nclass Engine:\n    def __init__(self, name):\n"
    loader += "        self.model = AutoModel.from_pretrained(name)\n"
    loader += "        self.processor = AutoProcessor.from_pretrained(name)\n"
    loader += "\n    def run(self, x):\n        return self.model.generate(x)\n"
    parser = "from formats import ResponseFormat\n\n\ndef parse(text, kind):\n    if kind == ResponseFormat.MARKDOWN:\n"
    parser += "        return text\n    elif kind == ResponseFormat.TAGS:\n        return text.split('<doc>')\n"
    formats = "from enum import Enum\n\n\nclass ResponseFormat(Enum):\n    MARKDOWN = 1\n    TAGS = 2\n"
    page = "HTML = \"<div><video src='a'></video> </s></div>\"\n"
    main = "import sys\nfrom engine import Engine\nfrom parser import parse\n"
    main += "print(parse(Engine(sys.argv[1]).run(1), sys.argv[2]))\n"
    files = {"engine.py": loader, "parser.py": parser, "formats.py": formats, "page.py": page, "main.py": main}
    assert texts(codebase_of(files), "coupled_files") == [
        "parser.py switches over `ResponseFormat.MARKDOWN`, `ResponseFormat.TAGS`",
    ]


def test_what_decides_the_course_of_the_program(codebase: Codebase) -> None:
    (told,) = texts(codebase, "decisions")
    assert told.startswith("What `main()` makes and runs is decided by these conditions: ")
    assert '`args.kind == "net"` → `Net`' in told


def test_modularity_counts_what_ties_steps_to_their_surroundings(codebase: Codebase) -> None:
    told, _used = texts(codebase, "modularity")
    assert told.startswith("Partly modular and reusable: of the 5 functions and classes that the main programs call")
    assert "1 takes a whole options object (`build()`)" in told
    assert "1 makes or loads a model itself (`build()`)" in told
    assert "1 sets variables of its module (`report()`)" in told


def test_output_records_of_a_library_are_no_models() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                from transformers import AutoModel
                from transformers.modeling_outputs import BaseModelOutputWithPast

                def main(name):
                    model = AutoModel.from_pretrained(name)
                    return told(BaseModelOutputWithPast(last_hidden_state=model))

                def told(output):
                    for item in output:
                        print(item)
                    print(output)
                    print(len(output))
                    return output

                main("a")
            """
        }
    )
    assert [hit.detail["model"] for hit in run_query(codebase, "model_objects").hits] == ["AutoModel"]


def test_a_look_up_by_name_stands_against_a_flat_no() -> None:
    files = {
        "nets.py": FILES["nets.py"],
        "run.py": "import sys\nfrom nets import Net\nfrom zoo import registry\nnet = Net(3)\nprint(net(1))\n"
        "other = registry.get_model_class(sys.argv[1])\nplace = registry.get_path(sys.argv[2])\n",
    }
    verdict = texts(codebase_of(files), "replaceable")[0]
    assert verdict == (
        "Partly. Without a change of code: classes are looked up by a computed name with "
        "`registry.get_model_class()` (1 place). Only by a change of code: `Net`"
    )


def test_a_codec_or_a_key_of_a_checkpoint_is_no_name_of_a_model() -> None:
    files = {
        "run.py": "def main(encoder, checkpoint_model, step):\n    if encoder == 'libx264':\n        return 1\n"
        "    if 'pos_embed' in checkpoint_model:\n        return 2\n    if step.NAME == 'swap':\n        return 3\n"
        "    if encoder == 'vit':\n        return 4\n"
    }
    (hit,) = texts(codebase_of(files), "coupled_files")
    assert hit == "run.py decides 2 times by the name or type of a model"


def test_a_module_that_is_imported_by_a_given_name_is_a_plug_in() -> None:
    source = """
        import importlib, sys, torch
        from head import Head

        class Reader:
            def __init__(self, network, folder, kind):
                self.folder = folder
                sys.path.append(self.folder)
                sys.path.append("fixed")
                if kind == "one":
                    from one import get_finder
                elif kind == "two":
                    from two import get_finder
                self.finder = get_finder()
                self.model = recogniser(network)
                self.head = Head()
                print(self.model(1), self.head(2))

        def recogniser(network):
            if network == "first":
                package = importlib.import_module("nets")
            else:
                package = importlib.import_module(network)
            model = package.Net(3)
            model.load_state_dict(torch.load("a"))
            return model

        Reader(sys.argv[1], sys.argv[2], sys.argv[3])
    """
    head = "from torch import nn\nclass Head(nn.Module):\n    def forward(self, x):\n        return x\n"
    finder = "from nets import Tiny\ndef get_finder():\n    return Tiny(3)\n"
    files = {"nets.py": FILES["nets.py"], "run.py": source, "head.py": head, "one.py": finder, "two.py": finder}
    verdict, *told = texts(codebase_of(files), "replaceable")
    assert "Without a change of code: `recogniser()` takes `Net` out of a module that is imported by the" in verdict
    assert verdict.endswith("Only by a change of code: `Head`")
    assert told[0] == (
        "`recogniser()` (run.py) imports the module that `network` names and takes its `Net`, so that another module "
        "with it can be named; beside it `nets` can be chosen"
    )
    assert told[1].startswith("`Reader.__init__()` (run.py) puts the directory `self.folder`, which its caller can")
    assert told[2].endswith("imports `get_finder` from `one` or `two` by `kind`, a closed list")
    assert not any("class of `Net`" in text or "class of `Tiny`" in text or "`fixed`" in text for text in told)
    assert texts(codebase_of(files), "assumptions: classes") == []


def test_code_that_was_left_behind_and_code_that_nothing_runs_lead_nothing() -> None:
    left = (
        "import nets\nTABLE = {'tiny': nets.Tiny, 'wide': nets.Wide}\n\n\ndef make(kind):\n    return TABLE[kind](3)\n"
    )
    main = "import transformers\nimport nets\n\nif __name__ == '__main__':\n    net = nets.Net(4)\n    net(1)\n"
    main += "    import sys\n    name = sys.argv[1]\n    transformers.AutoModel.from_pretrained(name)(2)\n"
    files = {
        "README.md": "Run `python main.py`.\n",
        "main.py": main,
        "nets.py": FILES["nets.py"],
        "legacy/old.py": left,
    }
    verdict, *rest = texts(codebase_of(files), "replaceable")
    assert verdict.startswith("In what the main programs run, no interface")
    assert "elsewhere `kind` selects one of the 2 classes of `TABLE`" in verdict
    assert any("`TABLE`" in text for text in rest)
    alone = texts(codebase_of({key: files[key] for key in ("nets.py", "legacy/old.py")}), "replaceable")[0]
    assert alone.startswith("In what the main programs run, no interface")
    assert "elsewhere `kind` selects one of the 2 classes of `TABLE`" in alone
