"""Census kind `course`: the main program in nested steps, with models, files written, and handlers of interfaces."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

NETS = """
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 2)
        def forward(self, x):
            return self.line(x)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 2)
        def forward(self, x):
            return self.line(x)

    def load(kind, path="w.pth"):
        if kind == "encoder":
            model = Encoder()
        elif kind == "decoder":
            model = Decoder()
        else:
            raise ValueError(kind)
        model.load_state_dict(torch.load(path))
        return model
"""


def told(codebase: Codebase, query: str = "course: roots=1") -> list[str]:
    """The lines of the course, indented by their depth."""
    return ["  " * int(hit.detail["depth"]) + hit.text for hit in run_query(codebase, query).hits]


def test_the_steps_name_the_models_that_constants_choose_and_the_files_written() -> None:
    codebase = codebase_of(
        {
            "README.md": "```\npython run.py\n```\n",
            "nets.py": NETS,
            "run.py": """
                import json
                from nets import load

                def work(text):
                    encoder = load("encoder")
                    decoder = load("decoder")
                    code = encoder(text)
                    return decoder(code)

                def main():
                    result = work("x")
                    json.dump(result, open("out.json", "w"))

                if __name__ == "__main__":
                    main()
            """,
        }
    )
    lines = told(codebase)
    assert [line.partition(" (only")[0].strip() for line in lines if line.startswith("    ")][:8] == [
        "Step 1.1: `load()` (nets.py)",
        "Step 1.1.1: `Encoder` - makes or loads `Encoder`",
        "Step 1.1.2: `torch.load()` - loads weights",
        "Step 1.1.3: `model.load_state_dict()`",
        "Step 1.2: `load()` (nets.py)",
        "Step 1.2.1: `Decoder` - makes or loads `Decoder`",
        "Step 1.2.2: `torch.load()` - loads weights",
        "Step 1.2.3: `model.load_state_dict()`",
    ]
    assert "    Step 1.3: `Encoder.forward()` (nets.py) - runs `Encoder`" in lines
    assert "    Step 1.4: `Decoder.forward()` (nets.py) - runs `Decoder`" in lines
    assert [line for line in lines if "writes" in line] == ["  Step 2: `json.dump()` - writes a file"]


def test_sub_commands_are_programs_and_events_run_handlers() -> None:
    codebase = codebase_of(
        {
            "pyproject.toml": '[project]\nname = "tool"\n[project.scripts]\ntool = "tool.cli:main"\n',
            "tool/__init__.py": "",
            "tool/nets.py": NETS,
            "tool/cli.py": """
                import click
                from tool.ui import show

                @click.group()
                def main(): ...

                @main.command("start")
                @click.option("--port")
                def start(port):
                    show(port)

                @main.command()
                def clear_cache():
                    print(1)
            """,
            "tool/ui.py": """
                import gradio as gr
                from tool.nets import load

                def answer(text):
                    return load("encoder")(text)

                def hide(box):
                    return box

                def reset(box):
                    return None

                def show(port):
                    with gr.Blocks() as page:
                        button = gr.Button()
                        button.click(answer, [], [])
                        button.change(hide, [], [])
                        button.clear(reset, [], [])
                    page.launch(server_port=port)
            """,
        }
    )
    lines = told(codebase)
    assert lines[0].startswith("`start()` (tool/cli.py), run by the console script `tool start`")
    assert any("on `button.click()`: `answer()`" in line for line in lines)
    names = [hit.name for hit in run_query(codebase, "entry_points").hits]
    assert {"tool", "tool start", "tool clear-cache"} <= set(names)


def test_handlers_that_lead_to_no_model_are_counted() -> None:
    codebase = codebase_of(
        {
            "README.md": "```\npython app.py\n```\n",
            "nets.py": NETS,
            "app.py": """
                import gradio as gr
                from nets import load

                def answer(text):
                    return load("encoder")(text)

                def hide(box):
                    print(box)
                    print(box)
                    print(box)
                    print(box)
                    print(box)
                    return box

                def reset(box):
                    print(box)
                    print(box)
                    print(box)
                    print(box)
                    print(box)
                    return None

                with gr.Blocks() as page:
                    button = gr.Button()
                    button.click(answer, [], [])
                    button.submit(answer, [], [])
                    button.change(hide, [], [])
                    button.upload(reset, [], [])
                page.launch()
            """,
        }
    )
    lines = told(codebase)
    assert "  Step 1: on `button.click()`: `answer()`, also on `button.submit()`" in lines
    assert lines[-1].strip().startswith("Besides, 2 handlers are connected")


def test_what_a_tool_beside_the_program_runs_too_is_told_under_the_program() -> None:
    codebase = codebase_of(
        {
            "README.md": "```\npython run.py\n```\n",
            "nets.py": NETS,
            "benchmark.py": "from work import work\ndef measure():\n    return work(1)\n",
            "work.py": """
                from nets import load
                def work(x):
                    return load("decoder")(load("encoder")(x))
            """,
            "run.py": """
                import sys
                from benchmark import measure
                from work import work

                def main():
                    if sys.argv[1] == "measure":
                        measure()
                    elif sys.argv[1] == "work":
                        work(2)

                if __name__ == "__main__":
                    main()
            """,
        }
    )
    lines = told(codebase)
    step = next(line for line in lines if line.strip().startswith("Step 2: `work()`"))
    assert lines[lines.index(step) + 1].strip().startswith("Step 2.1: `load()`")
    assert 'if `sys.argv[1] == "work"`' in step


LOADS_FIRST = """
    from nets import load

    model = load("encoder")

    def main():
        return model("text")

    if __name__ == "__main__":
        main()
"""


def test_what_the_file_loads_before_its_main_function_runs_comes_first() -> None:
    manifest = '[project]\nname = "tool"\nversion = "1"\n[project.scripts]\ntool = "run:main"\n'
    codebase = codebase_of({"pyproject.toml": manifest, "nets.py": NETS, "run.py": LOADS_FIRST})
    lines = told(codebase)
    assert "`load()` (nets.py)" in lines[1] and lines[1].strip().startswith("Step 1: in the script run.py")
    assert any("Step 2: in `main()` (run.py): `Encoder.forward()` (nets.py) - runs `Encoder`" in line for line in lines)
    steps, made, run = (hit.text for hit in run_query(codebase, "outline").hits)
    assert "When its file is loaded, the top level of the file runs `load()`. Then it runs `Encoder.forward()`" in steps
    assert made == "Made or loaded, in this order: `Encoder` in `load()`"
    assert run.startswith("Run, in this order: `Encoder`")


def test_a_file_that_loads_nothing_has_no_steps_before_its_main_function() -> None:
    plain = LOADS_FIRST.replace('model = load("encoder")', "SIZE = len('encoder')").replace(
        "return model", "return load('encoder')"
    )
    manifest = '[project]\nname = "tool"\nversion = "1"\n[project.scripts]\ntool = "run:main"\n'
    lines = told(codebase_of({"pyproject.toml": manifest, "nets.py": NETS, "run.py": plain}))
    assert lines[1].strip().startswith("Step 1: `load()` (nets.py)")


REGISTERED = {
    "README.md": "```\npython train.py\n```\n",
    "nets.py": NETS,
    "table.py": """
        TRAINERS = {}

        def register(name, sort, cls):
            TRAINERS.setdefault(name, {})
            TRAINERS[name][sort] = cls

        def trainer_of(name, sort):
            return TRAINERS[name][sort]
    """,
    "base.py": """
        class Trainer:
            def __init__(self, args):
                self.model = self.load()

            def fit(self):
                self.check_data()
                self.make_optimizer()
                self.write_plan()
                for batch in range(9):
                    self.model(batch)

            def check_data(self):
                a = 1
                b = 2
                c = 3
                d = 4
                e = 5
                f = 6
                g = 7
                h = 8
                i = 9
                j = 10
                k = 11
                m = 12
                return a

            def make_optimizer(self):
                a = 1
                b = 2
                c = 3
                d = 4
                e = 5
                f = 6
                g = 7
                h = 8
                i = 9
                j = 10
                k = 11
                m = 12
                return a

            def write_plan(self):
                a = 1
                b = 2
                c = 3
                d = 4
                e = 5
                f = 6
                g = 7
                h = 8
                i = 9
                j = 10
                k = 11
                m = 12
                return a
    """,
    "small.py": """
        from base import Trainer
        from nets import Encoder
        from table import register

        class SmallTrainer(Trainer):
            def load(self):
                return Encoder()

        register("small", "fast", SmallTrainer)
    """,
    "large.py": """
        from base import Trainer
        from nets import Decoder
        from table import register

        class LargeTrainer(Trainer):
            def load(self):
                return Decoder()

        register("large", "slow", LargeTrainer)
    """,
    "train.py": """
        import sys
        from table import trainer_of

        def main():
            cls = trainer_of(sys.argv[1], sys.argv[2])
            trainer = cls(sys.argv)
            trainer.fit()

        if __name__ == "__main__":
            main()
    """,
}


def test_a_class_that_calls_hand_to_a_table_is_followed_and_shared_bodies_are_told_once() -> None:
    steps = told(codebase_of(REGISTERED))
    assert any("`LargeTrainer` or `SmallTrainer`" in step for step in steps), steps
    loads = [step for step in steps if "self.load()" in step]
    assert len(loads) == 1
    assert "`LargeTrainer.load()`" in loads[0] and "`SmallTrainer.load()`" in loads[0]
    assert "may make or load `Decoder`, `Encoder`" in loads[0]
    begun = next(at for at, step in enumerate(steps) if "`Trainer.fit()`" in step)
    inside = " ".join(steps[begun + 1 :])
    assert inside.index("check_data()") < inside.index("write_plan()") < inside.index("runs `Decoder`, `Encoder`")


def test_a_program_of_library_calls_alone_and_code_above_a_serving_block_are_programs() -> None:
    code = """
        import sys
        from diffusers import StableDiffusionPipeline

        def generate(prompt):
            pipe = StableDiffusionPipeline.from_pretrained("x/y")
            return pipe(prompt)

        if __name__ == "__main__":
            generate(sys.argv[1])
    """
    page = """
        import gradio as gr
        from nets import load

        model = load("encoder")

        def answer(text):
            return model(text)

        with gr.Blocks() as demo:
            button = gr.Button()
            button.click(answer)

        if __name__ == "__main__":
            demo.launch()
    """
    readme = "See [the demo](demos/cli.py) and [the page](demos/page.py).\n"
    codebase = codebase_of({"README.md": readme, "nets.py": NETS, "demos/cli.py": code, "demos/page.py": page})
    steps = told(codebase, "course: roots=2")
    text = "\n".join(steps)
    assert steps[0].startswith("`generate()` (demos/cli.py), run by the script demos/cli.py")
    assert "`pipe()` - runs `StableDiffusionPipeline`" in text
    assert "The script demos/page.py:" in text and "on `button.click()`: `answer()`" in text
    names = [hit.name for hit in run_query(codebase, "programs").hits]
    assert names[:2] == ["demos/cli.py", "demos/page.py"]


def test_a_class_that_runs_several_whole_models_is_told_with_what_it_does_between_them() -> None:
    reader = """
        from torch import nn
        from nets import Finder, Reader

        class Pages(nn.Module):
            def __init__(self, finder, reader):
                super().__init__()
                self.finder, self.reader = finder, reader
            def forward(self, pages):
                boxes = self.finder(pages)
                crops = cut(pages, boxes)
                return arranged(self.reader(crops))

        def cut(pages, boxes):
            return [enlarged(page, box) for page, box in zip(pages, boxes)]
        def enlarged(page, box):
            return page[box]
        def arranged(words):
            return sorted(words, key=lambda word: word.left)
        def pages():
            return Pages(Finder(), Reader())
    """
    nets = """
        from torch import nn
        class Finder(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
        class Reader(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
        def finder(): return Finder()
        def reader(): return Reader()
    """
    main = "from reader import pages\nif __name__ == '__main__':\n    net = pages()\n    print(net('image'))\n"
    files: dict[str, str | bytes] = {"reader.py": reader, "nets.py": nets, "main.py": main}
    told = "\n".join(hit.text for hit in run_query(codebase_of(files), "course").hits)
    assert told.index("`Finder.forward()`") < told.index("`cut()`") < told.index("`Reader.forward()`")
