"""Entry points, execution flow, branches and hand-overs, read from small programs."""

import pytest

from retrieval.census import run_query
from retrieval.census.models.roster import roster_of
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of
from tests.test_census_course import NETS

PIPELINE: dict[str, str | bytes] = {
    "pyproject.toml": """
        [project]
        name = "tool"
        [project.scripts]
        tool = "tool.cli:main"
    """,
    "tool/__init__.py": """
        from .stages import Encoder as Encoder, load
    """,
    "tool/__main__.py": """
        from .cli import main

        main()
    """,
    "tool/cli.py": '''
        import argparse
        from tool.stages import load, Encoder
        from . import stages as st

        def main():
            """Runs the tool. And more."""
            args = argparse.ArgumentParser().parse_args()
            encoder = load(args.name)
            results = []
            for path in args.paths:
                if args.fast:
                    image = st.read(path)
                elif args.slow:
                    image = st.read_slowly(path)
                else:
                    continue
                code = encoder.encode(image)
                results.append(code)
            if not results:
                return None
            writer = st.make_writer(args.kind)
            writer(results)
            return st.report(results)

        if __name__ == "__main__":
            main()
    ''',
    "tool/stages.py": """
        from threading import Thread

        class Base:
            def encode(self, x):
                raise NotImplementedError

        class Encoder(Base):
            def __init__(self, name):
                self.table = build_table(name)
            def encode(self, x):
                return self.helper(x)
            def helper(self, x):
                return self.table.find(x)

        class Table:
            def find(self, x): return x

        def build_table(name) -> "Table":
            return Table()

        def load(name):
            if name == "a":
                return Encoder(name)
            return Encoder("default")

        def read(path): return path
        def read_slowly(path): return path
        def make_writer(kind):
            table = {"a": print}
            return table[kind]
        def report(results):
            Thread(target=background, args=(results,)).start()
            return recurse(results)
        def background(results): pass
        def recurse(x):
            return recurse(x)
    """,
}


@pytest.fixture(scope="module")
def pipeline() -> Codebase:
    return codebase_of(PIPELINE)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_entry_points_name_the_console_script_the_module_the_script_and_the_exports(
    pipeline: Codebase,
) -> None:
    hits = run_query(pipeline, "entry_points").hits
    assert [hit.detail["type"] for hit in hits] == ["console script", "package main", "script", "api"]
    console = hits[0]
    assert (console.path, console.start) == ("pyproject.toml", 4)
    assert console.text == "The console script `tool` runs `main()` of tool/cli.py"
    assert console.related == (("definition", "tool/cli.py", 5, 5),)
    assert hits[1].text == "`python -m tool` runs tool/__main__.py, which calls `main()`"
    assert "`load()`" in hits[3].text and "`Encoder`" in hits[3].text


def test_one_root_is_printed_once_with_every_way_to_start_it(pipeline: Codebase) -> None:
    first = run_query(pipeline, "flow").hits[0]
    assert first.text.startswith(
        "Execution starts in `main()` (tool/cli.py), run by the console script `tool`"
        " and by `python -m tool` and by `python -m tool.cli`"
    )
    assert 'documented as "Runs the tool"' in first.text


def test_flow_follows_calls_in_order_with_conditions_and_loops(pipeline: Codebase) -> None:
    hits = [h for h in run_query(pipeline, "flow: roots=1, all=yes").hits if h.detail["depth"] == "1"]
    assert [hit.text for hit in hits] == [
        "`main()` calls `load()` (tool/stages.py)",
        "`main()` calls `read()` (tool/stages.py) — for each `path in args.paths`; only if `args.fast`",
        "`main()` calls `read_slowly()` (tool/stages.py) — for each `path in args.paths`; only if `args.slow`",
        "`main()` calls `encoder.encode()`, which runs `Encoder.encode()` (tool/stages.py)"
        " — for each `path in args.paths`; unless the round ended before, on line 16",
        "`main()` calls `make_writer()` (tool/stages.py) — unless it returned before, on line 20",
        "`main()` calls `writer(results)`, what `make_writer()` returned — unless it returned before, on line 20",
        "`main()` calls `report()` (tool/stages.py) — unless it returned before, on line 20",
    ]
    assert [hit.start for hit in hits] == [8, 12, 14, 17, 21, 22, 23]


def test_flow_expands_constructors_attributes_and_threads_and_cuts_recursion(
    pipeline: Codebase,
) -> None:
    lines = texts(pipeline, "flow: roots=1, depth=6, all=yes")
    assert "`Encoder.__init__()` calls `build_table()`" in lines
    assert "`Encoder.helper()` calls `self.table.find()`, which runs `Table.find()`" in lines
    assert "`report()` passes `background()` to `Thread()`" in lines
    assert lines.count("`recurse()` calls `recurse()`") == 1


def test_flow_leaves_trivial_calls_out_and_keeps_the_steps_of_a_training() -> None:
    codebase = codebase_of(
        {
            "profile_net.py": "from train import build\nif __name__ == '__main__':\n    build(1)\n    build(2)\n",
            "train.py": """
                import torch
                def is_first(args): return args.rank == 0
                def is_ready(args):
                    found = str(args.path).startswith("x")
                    return found and is_first(args)
                def build(args):
                    return torch.nn.Linear(args.size, args.size)
                def main(args, loss):
                    model = build(args)
                    optimizer = torch.optim.AdamW(model.parameters())
                    if is_first(args) and is_ready(args):
                        print("first")
                    if args.resume:
                        model.load_state_dict(torch.load(args.resume))
                    model.train()
                    for batch in args.batches:
                        out = model(batch)
                        loss(out).backward()
                        optimizer.step()
                    torch.save(model, args.path)
                if __name__ == "__main__":
                    main(1, 2)
            """,
        }
    )
    hits = run_query(codebase, "flow").hits
    said = [hit.text.split("`")[3] for hit in hits[1:] if hit.symbol == "main"]
    assert said == [
        "build()",
        "torch.optim.AdamW(model.parameters())",
        "torch.load(args.resume)",
        "model.load_state_dict(torch.load(args.resume))",
        "model.train()",
        "model(batch)",
        "loss(out)",
        "loss(out).backward()",
        "optimizer.step()",
        "torch.save(model, args.path)",
    ]
    assert hits[0].path == "train.py", "the tool beside the program comes after it"
    every = texts(codebase, "flow: all=yes")
    assert any("calls `is_first()`" in line for line in every)


def test_depth_limits_the_nesting(pipeline: Codebase) -> None:
    shallow = run_query(pipeline, "flow: roots=1, depth=1").hits
    assert {hit.detail["depth"] for hit in shallow} == {"0", "1"}


def test_handoffs_follow_names_loops_containers_and_returned_functions(pipeline: Codebase) -> None:
    lines = texts(pipeline, "handoffs: main")
    assert "In `main()`, `image`, returned by `read()` (only if `args.fast`), is passed to `Encoder.encode()`" in lines
    assert (
        "In `main()`, `results`, which holds the return value of `Encoder.encode()`, is passed to `report()`" in lines
    )


def test_handoffs_respect_rebinding_branches_and_zip_positions() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                def a(): return 1
                def b(): return 2
                def use(x, y=None): return x

                def main(flag):
                    v = a()
                    v = b()
                    use(v)
                    if flag:
                        w = a()
                    else:
                        w = b()
                        use(w)
                    for p, q in zip(a(), b()):
                        use(p, y=q)
                    use(use(a()).field)

                main(True)
            """
        }
    )
    assert set(texts(codebase, "handoffs: main")) == {
        "In `main()`, `v`, returned by `b()`, is passed to `use()`",
        "In `main()`, `w`, returned by `b()`, is passed to `use()`",
        "In `main()`, `p`, part of the return value of `a()`, is passed to `use()`",
        "In `main()`, `q`, part of the return value of `b()`, is passed to `use()` as `y`",
        "In `main()`, `use(a()).field`, part of the return value of `use()`, is passed to `use()`",
        "In `main()`, the return value of `a()` is passed straight to `use()`",
    }


def test_options_are_handed_over_last_and_an_attribute_set_in_between_is_no_part_of_the_result() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                def parse_args(): return object()
                def load_image(path): return path
                def make_name(args): return "x"
                def show(image): print(image)
                def log(path): print(path)

                def main():
                    args = parse_args()
                    log(args.level)
                    args.log_path = make_name(args)
                    log(args.log_path)
                    image = load_image(args.path)
                    show(image)

                main()
            """
        }
    )
    assert texts(codebase, "handoffs") == [
        "In `main()`, `image`, returned by `load_image()`, is passed to `show()`",
        "In `main()`, `args.level` of `args`, which `parse_args()` returned, is passed to `log()`",
        "In `main()`, `args`, returned by `parse_args()`, is passed to `make_name()`",
        "In `main()`, `args.log_path`, returned by `make_name()`, is passed to `log()`",
        "In `main()`, `args.path` of `args`, which `parse_args()` returned, is passed to `load_image()`",
    ]


def test_handoffs_through_attributes_of_self() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                def embed(x): return x
                def decode(x): return x
                class Predictor:
                    def set_image(self, image):
                        self.features = embed(image)
                    def predict(self):
                        return decode(self.features)
            """
        }
    )
    assert texts(codebase, "handoffs") == [
        "In `Predictor.predict()`, `self.features`, set in `Predictor.set_image()` and returned by"
        " `embed()`, is passed to `decode()`"
    ]


def test_a_name_with_two_possible_meanings_is_said_to_have_both() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                class A:
                    def go(self): pass
                class B:
                    def go(self): pass

                def main(flag, thing):
                    x = A()
                    if flag:
                        x = B()
                    x.go()
                    y = A() if flag else None
                    y.go()
                    thing.go()

                main(1, 2)
            """
        }
    )
    lines = texts(codebase, "flow: all=yes")
    assert "`main()` calls `x.go(…)`, which runs `A.go()` or `B.go()`" in lines
    assert "`main()` calls `y.go()`, which runs `A.go()`" in lines
    assert not any("thing" in line for line in lines)


def test_common_base_of_two_objects_names_the_overriding_classes() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                from abc import ABC, abstractmethod
                class Decoder(ABC):
                    @abstractmethod
                    def step(self): ...
                class Greedy(Decoder):
                    def step(self): return 1
                class Beam(Decoder):
                    def step(self): return 2

                def main(wide):
                    decoder = Beam() if wide else Greedy()
                    decoder.step()

                main(True)
            """
        }
    )
    assert "`main()` calls `decoder.step()`, which runs `Decoder.step()`, implemented by `Beam`, `Greedy`" in texts(
        codebase, "flow"
    )


@pytest.mark.parametrize(("rounds", "known"), [(2, True), (60, False)])
def test_rebinding_in_loops_keeps_the_type_and_ends_however_long(rounds: int, known: bool) -> None:
    step = "        x = x.to({0})\n        y = x.half()\n        x = y.cuda()\n"
    codebase = codebase_of(
        {
            "run.py": "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x): return x\n"
            "def main():\n    x = Net()\n    while True:\n"
            + "".join(step.format(number) for number in range(rounds))
            + "        x(1)\n\nmain()\n"
        }
    )
    assert any("which runs `Net.forward()`" in line for line in texts(codebase, "flow")) is known


def test_launch_commands_are_read_from_make_docker_and_readme_but_chores_are_not() -> None:
    codebase = codebase_of(
        {
            "train.py": "def main(): pass\nif __name__ == '__main__':\n    main()\n",
            "Makefile": "run:\n\tpython train.py \\\n\t  --fast\ntest:\n\tpython -m pytest tests.py\n",
            "Dockerfile": 'FROM python\nRUN pip install .\nCMD ["python", "train.py", "--x"]\n',
            "README.md": "Run python or so.\n\n```\n$ python gone.py\n```\n",
        }
    )
    hits = run_query(codebase, "entry_points: command").hits
    assert [(h.path, h.start, h.end, h.text) for h in hits] == [
        ("Dockerfile", 3, 3, "Dockerfile runs `python train.py --x`"),
        ("Makefile", 2, 3, "Makefile runs `python train.py --fast`"),
        (
            "README.md",
            4,
            4,
            "README.md documents the command `python gone.py` (gone.py is not in this copy of the repository)",
        ),
    ]


def test_branches_say_what_each_arm_does(pipeline: Codebase) -> None:
    lines = texts(pipeline, "branches: chooses=calls")
    assert lines == [
        'In `load()`, if `name == "a"`: constructs `Encoder`, returns `Encoder(name)`',
        "In `main()`, if `args.fast`: calls `read()`; else if `args.slow`: calls `read_slowly()`; otherwise: goes on "
        "with the next round of the loop — for each `path in args.paths`",
    ], "choices between trivial functions come last"
    exits = texts(pipeline, "branches: chooses=exit")
    assert exits == ["In `main()`, if `not results`: returns `None`"]


def test_branches_that_choose_a_model_class_come_first_however_they_choose_it() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                import torch
                class Small(torch.nn.Module):
                    def __init__(self): self.fc = torch.nn.Linear(1, 1)
                class Big(torch.nn.Module):
                    def __init__(self): self.fc = torch.nn.Linear(9, 9)
                def log(x): return print(x)
                def main(kind, wide):
                    if wide:
                        log(1)
                    if kind == "auto":
                        if wide:
                            chosen = Big
                        else:
                            chosen = Small
                    else:
                        chosen = Small
                    return chosen()

                main("auto", True)
            """
        }
    )
    assert texts(codebase, "branches: chooses=calls") == [
        'In `main()`, if `kind == "auto"`: under further conditions sets `chosen = Big`, sets `chosen = Small`;'
        " otherwise: sets `chosen = Small`",
        'In `main()`, if `wide`: sets `chosen = Big`; otherwise: sets `chosen = Small` — only if `kind == "auto"`',
        "In `main()`, if `wide`: calls `log()`",
    ]


def test_nested_arms_are_told_apart_and_an_empty_first_arm_is_not_called_otherwise() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                def a(): pass
                def main(x, y):
                    if x:
                        pass
                    else:
                        if y:
                            a()
                    return 3 if y else 4
                main(1, 2)
            """
        }
    )
    assert texts(codebase, "branches") == [
        "In `main()`, if `x` is false: under further conditions calls `a()`",
        "In `main()`, if `y`: calls `a()` — only if `x` is false",
        "In `main()`, if `y`: takes `3`; otherwise: takes `4`",
    ]


def test_an_event_of_a_web_interface_runs_its_functions_one_after_the_other() -> None:
    codebase = codebase_of(
        {
            "app.py": """
                import gradio as gr

                def ask(x):
                    return x

                def answer(x):
                    return open(x).read()

                def other(x):
                    return x

                with gr.Blocks() as demo:
                    box = gr.Textbox()
                    box.submit(ask, [box], [box]).then(answer, [box], [box])
                    box.then(other)
                demo.launch()
            """
        }
    )
    lines = [line for line in texts(codebase, "flow: roots=1, depth=6, all=yes") if "passes" in line]
    assert [line.split(": `")[0] for line in lines] == [
        "The script app.py passes `ask()` to `box.submit()`",
        "The script app.py passes `answer()` to `box.submit(…).then()`, to run after what was given before it",
    ]


def test_what_a_shared_function_gives_back_is_what_its_caller_gave_it() -> None:
    script = """
        from shop.fill import filled, rounds
        from shop.nets import {0}

        def main():
            model, told = filled({0}(), "weights.pt")
            rounds(model)

        if __name__ == "__main__":
            main()
    """
    codebase = codebase_of(
        {
            "shop/__init__.py": "",
            "shop/nets.py": """
                import torch
                class Block(torch.nn.Module):
                    def __init__(self): self.fc = torch.nn.Linear(1, 1)
                    def forward(self, x): return self.fc(x)
                class Small(torch.nn.Module):
                    def __init__(self): self.block = Block()
                    def forward(self, x): return self.block(x)
                class Big(torch.nn.Module):
                    def __init__(self): self.block = Block()
                    def forward(self, x): return self.block(x) + 1
            """,
            "shop/fill.py": """
                import torch
                def filled(model, path):
                    told = model.load_state_dict(torch.load(path))
                    model = model.to("cuda")
                    return model, told
                def rounds(model):
                    for number in range(3):
                        once(net=model, x=number)
                def once(net, x):
                    return net(x)
            """,
            "small.py": script.format("Small"),
            "big.py": script.format("Big"),
        }
    )
    walks = "\n".join(texts(codebase, "pipeline")).split("`main()` (")
    for name, other in (("Small", "Big"), ("Big", "Small")):
        walk = next(walk for walk in walks if walk.startswith(f"{name.lower()}.py)")).partition("\n`")[0]
        assert f"`{name}.forward()`" in walk
        assert f"{other}.forward()" not in walk


def test_a_table_gives_what_the_conditions_around_the_use_leave_of_it() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                import torch
                class Block(torch.nn.Module):
                    def forward(self, x): return x
                class Captioner(torch.nn.Module):
                    def __init__(self): self.block = Block()
                    def forward(self, x): return self.block(x)
                class Matcher(torch.nn.Module):
                    def __init__(self): self.block = Block()
                    def forward(self, x): return self.block(x)
                class Reader(torch.nn.Module):
                    def __init__(self): self.block = Block()
                    def forward(self, x): return self.block(x)

                class Predictor:
                    def __init__(self):
                        self.nets = {"caption": Captioner(), "match": Matcher(), "read": Reader()}
                    def predict(self, task, image):
                        net = self.nets[task]
                        net = net.to("cuda")
                        if task == "caption":
                            with torch.no_grad():
                                return net(image)
                        if task == "match":
                            return net(image)
                        return net(image)

                if __name__ == "__main__":
                    Predictor().predict("caption", None)
            """
        }
    )
    calls = [line for line in texts(codebase, "flow") if line.startswith("`Predictor.predict()` calls")]
    assert [line.split("runs ")[1].split(" — ")[0] for line in calls] == [
        "`Captioner.forward()`",
        "`Matcher.forward()`",
        "`Reader.forward()`",
    ]
    made = roster_of(codebase)
    uses = {
        use.step.start: [one.name for one in use.made] for use in made.uses if use.frame.symbol == "Predictor.predict"
    }
    assert uses == {22: ["Captioner"], 24: ["Matcher"], 25: ["Reader"]}


def test_the_key_of_a_table_may_be_an_attribute_and_the_condition_its_beginning() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                class Git:
                    def write(self):
                        for number in range(1):
                            work(number)
                class Blip:
                    def write(self):
                        for number in range(2):
                            work(number)
                def work(x): return print(x)
                NETS = {"git-large": Git(), "blip-base": Blip()}

                def main(config):
                    net = NETS[config.name]
                    if config.name.startswith("git-"):
                        net.write()
                    else:
                        net.write()

                main(None)
            """
        }
    )
    told = [line for line in texts(codebase, "flow") if "`main()` calls `net.write()`" in line]
    assert ["Git.write" in line for line in told] == [True, False]
    assert ["Blip.write" in line for line in told] == [False, True]


def test_a_framework_is_known_by_forward_and_gives_its_model_first() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                import torch
                from strange.framework import Frame, Note

                class Net(Frame):
                    def __init__(self, args): self.inner = torch.nn.Linear(1, 1)
                    def forward(self, x): return self.inner(x)

                class Record(Note):
                    def show(self): return 1

                def main():
                    net, options = Net.from_pretrained("weights")
                    net(options)

                if __name__ == "__main__":
                    main()
            """
        }
    )
    assert [hit.name for hit in run_query(codebase, "models").hits] == ["Net"]
    assert any("runs `Net.forward()`" in line for line in texts(codebase, "flow")), texts(codebase, "flow")


def test_a_model_runs_in_the_outside_function_that_is_given_it_to_generate_with() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                import torch
                from strange.generation import filling_sequence, quantize

                class Net(torch.nn.Module):
                    def __init__(self): self.inner = torch.nn.TransformerEncoder(None, 1)
                    def forward(self, x): return self.inner(x)

                def main():
                    net = Net()
                    quantize(net, 8)
                    return filling_sequence(net, [1], strategy=None)

                if __name__ == "__main__":
                    main()
            """
        }
    )
    uses = roster_of(codebase).uses
    assert [(use.step.written, use.made[0].name) for use in uses if use.frame.symbol == "main"] == [
        ("filling_sequence", "Net")
    ]
    assert any("filling_sequence" in line and "uns the model" in line for line in texts(codebase, "pipeline"))


def test_a_client_of_the_repository_s_own_server_uses_no_hosted_model() -> None:
    server = """
        from fastapi import FastAPI
        app = FastAPI()

        @app.post("/v1/chat/completions")
        def complete(request):
            return request
    """
    client = """
        import requests

        def ask(base):
            return requests.post(f"{base}/v1/chat/completions", json={})

        if __name__ == "__main__":
            ask("http://localhost")
    """
    alone = roster_of(codebase_of({"client.py": client})).made
    assert [made.name for made in alone] == ["ask"]
    assert roster_of(codebase_of({"client.py": client, "server.py": server})).made == []


def test_a_documented_script_is_found_in_the_folder_that_people_change_to() -> None:
    main = 'def main():\n    return 1\n\nif __name__ == "__main__":\n    main()\n'
    readme = "# Tool\n\nSwitch to `talking/` first:\n\n```bash\npython talk.py --fast\n```\n"
    files: dict[str, str | bytes] = {"README.md": readme, "talking/talk.py": main, "tools/count.py": main}
    assert [hit.path for hit in run_query(codebase_of(files), "programs").hits] == ["talking/talk.py"]
    files["other/talk.py"] = main
    assert [hit.path for hit in run_query(codebase_of(files), "programs").hits] == ["talking/talk.py"]
    files["README.md"] = readme.replace("talking/", "its folder")
    assert len(run_query(codebase_of(files), "programs").hits) == 3


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("clone/net/measure.py", "net/measure.py"),  # the copy has another name there
        ("/srv/app/net/measure.py", "net/measure.py"),
        ("sample/measure.py", "measure.py"),  # the repository's own name
        ("other/measure.py", ""),  # one part is not enough
        ("other/deep/talk.py", ""),  # two files end so
    ],
)
def test_a_launched_script_is_found_from_a_folder_above_the_repository(written: str, path: str) -> None:
    main = 'def main():\n    return 1\n\nif __name__ == "__main__":\n    main()\n'
    files: dict[str, str | bytes] = {
        "net/start.py": main,
        "a/deep/talk.py": main,
        "b/deep/talk.py": main,
        path or "net/measure.py": main,
        "run.sh": f"srun --gpus=1 python {written} --fast\n",
        "README.md": "# Nets\n\n```bash\npython net/start.py\n```\n",
    }
    codebase = codebase_of(files)
    found = {hit.path for hit in run_query(codebase, "programs").hits}
    assert found == {"net/start.py", path} - {""}
    missing = "is not in this copy of the repository" in "".join(texts(codebase, "entry_points: command"))
    assert missing is (written == "other/measure.py")


def test_commands_of_inner_apps_and_those_that_another_module_registers() -> None:
    tools = "import typer\nfrom cli.models import app as models_app\n\napp = typer.Typer()\n"
    tools += "app.add_typer(models_app, name='models')\n\ndef _late():\n"
    tools += "    from cli.remote import register as _register\n    _register(app)\n\n_late()\n"
    models = "import typer\n\napp = typer.Typer()\n\n@app.command('download')\ndef fetch():\n    print(1)\n"
    remote = "def register(app):\n    app.command('convert-remote', help='x')(convert_remote)\n\n"
    remote += "def convert_remote():\n    print(2)\n"
    codebase = codebase_of(
        {
            "pyproject.toml": '[project]\nname = "cli"\n[project.scripts]\ntool = "cli.tools:app"\n',
            "cli/__init__.py": "",
            "cli/tools.py": tools,
            "cli/models.py": models,
            "cli/remote.py": remote,
        }
    )
    names = [hit.name for hit in run_query(codebase, "entry_points").hits]
    assert {"tool models download", "tool convert-remote"} <= set(names)
    assert "tool models convert-remote" not in names


def test_an_arm_that_is_switched_off_in_the_code_has_no_steps() -> None:
    source = """
        def load(): return 1
        def offload(): return 2
        def plain(): return 3

        def main():
            load()
            if False:
                offload()
            elif 0:
                offload()
            else:
                plain()

        if __name__ == "__main__":
            main()
    """
    texts = [hit.text for hit in run_query(codebase_of({"app.py": source}), "flow: main, all=yes").hits]
    assert not any("offload" in text for text in texts)
    assert [text for text in texts if "plain" in text] == ["`main()` calls `plain()`"]


MIXIN = """
    from abc import ABC, abstractmethod
    from torch import nn

    class Tower(nn.Module):
        def forward(self, x):
            return x

    class Meta:
        def __init__(self, config):
            self.tower = build(config)

        def get_tower(self):
            tower = getattr(self, "tower", None)
            return tower

    def build(config):
        return Tower()

    class MetaForText(ABC):
        @abstractmethod
        def get_model(self):
            pass

        def encode(self, x):
            return self.get_model().get_tower()(x)

    class Inner(Meta, nn.Module):
        pass

    class Whole(nn.Module, MetaForText):
        def __init__(self, config):
            self.model = Inner(config)

        def get_model(self):
            return self.model

        def forward(self, x):
            return self.encode(x)

    if __name__ == "__main__":
        whole = Whole({})
        whole(1)
"""


def test_what_an_abstract_method_gives_is_what_the_classes_give_that_fill_it_in() -> None:
    found = [hit.text for hit in run_query(codebase_of({"run.py": MIXIN}), "flow: depth=5").hits]
    assert any("MetaForText.encode()" in text and "Tower.forward()" in text for text in found), found


def test_a_command_line_made_by_an_own_wrapper_runs_the_function_that_it_is_given() -> None:
    guard = "\n\nif __name__ == '__main__':\n    "
    work = "from nets import load\nfrom wrap import start\n\n\ndef work():\n    net = load('encoder')\n    net(1)\n"
    files = {
        "wrap.py": "import fire\n\n\ndef start(component=None):\n    fire.Fire(component=component)\n",
        "nets.py": NETS,
        "run.py": f"{work}\n\ndef entry():\n    start(work){guard}entry()\n",
        "other.py": f"from wrap import start\n\n\ndef clean():\n    pass{guard}start(clean)\n",
    }
    steps = [hit.text for hit in run_query(codebase_of(files), "pipeline: roots=1").hits]
    assert "run by the script run.py" in steps[0] and any("`work()`" in text for text in steps[1:]), steps
