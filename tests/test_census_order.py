"""The order in which models run: alternatives, arms that end the program, values passed back, loops told whole."""

from textwrap import dedent

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

NETS = """
    import torch
    from torch import nn

    class Big(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 2)
        def forward(self, x):
            return self.line(x)

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 2)
        def forward(self, x):
            return self.line(x)

    def load_weights(model, path):
        model.load_state_dict(torch.load(path))
        return model, path

    def big(path):
        model, where = load_weights(Big(), path)
        return model

    def small(path):
        model, where = load_weights(Small(), path)
        return model
"""
RUN = "if __name__ == '__main__':\n    main()\n"


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_what_a_loader_gives_back_is_what_this_call_gave_it() -> None:
    main = "from nets import big\n\ndef main():\n    net = big('a')\n    return net(1)\n\n"
    found = texts(codebase_of({"nets.py": NETS, "run.py": main + RUN}), "outline: what=models")
    assert found[1] == "Run, in this order: `Big` by `net()` in `main()`"


def test_alternatives_are_one_entry_and_no_steps() -> None:
    main = """
        import sys
        from nets import big, small

        def main():
            if sys.argv[1] == "big":
                net = big("a")
                out = net(1)
            else:
                other = small("b")
                out = other(1)
            final = small("c")
            return final(out)

        if __name__ == "__main__":
            main()
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": main}), "outline: what=models")
    assert found[1] == (
        'Run, in this order: (1) one of: if `sys.argv[1] == "big"`: `Big` by `net()` in `main()`, or '
        'if not `sys.argv[1] == "big"`: `Small` by `other()` in `main()`; (2) `Small` by `final()` in `main()`'
    )


MAIN = """
    import sys
    from nets import big, small

    def evaluate(net, data):
        for item in data:
            net(item)

    def prepare(item):
        print(item)
        print(item)
        return item

    def clean(item):
        print(item)
        print(item)
        return item

    def step(net, data, optimizer):
        for item in data:
            ready = prepare(item)
            loss = net(ready)
            loss.backward()
            optimizer.step()
            clean(item)

    def work(net, data, optimizer):
        return train(net, data, optimizer)

    def train(net, data, optimizer):
        return step(net, data, optimizer)

    def main():
        net = big("a")
        if len(sys.argv) > 1:
            evaluate(net, [])
            return
        for epoch in range(3):
            work(net, [1], None)
            evaluate(net, [2])

    if __name__ == "__main__":
        main()
"""


def test_an_arm_that_ends_the_program_is_no_earlier_step() -> None:
    found = texts(codebase_of({"nets.py": NETS, "run.py": MAIN}), "pipeline: roots=1")
    apart = next(line for line in found if "evaluate(net, [])" in line)
    later = next(line for line in found if "evaluate(net, [2])" in line)
    assert "its steps stand under 3.2" in apart
    assert later.startswith("Step 3.2: Calls `evaluate()`")
    assert any(line.startswith("Step 3.2.1: For each `item in data`") for line in found)
    ran = texts(codebase_of({"nets.py": NETS, "run.py": MAIN}), "outline: what=models")[1]
    assert ran.index("`step()`") < ran.index("`evaluate()`")


def test_the_loop_that_runs_a_model_is_told_with_all_its_steps() -> None:
    found = [line.partition(": ")[2] for line in texts(codebase_of({"nets.py": NETS, "run.py": MAIN}), "pipeline")]
    start = found.index("For each `item in data`:")
    assert [line.partition(" (")[0].partition(":")[0] for line in found[start + 1 : start + 6]] == [
        "Calls `prepare()`",
        "Runs the model",
        "Calls `loss.backward()`",
        "Calls `optimizer.step()`",
        "Calls `clean()`",
    ]


def test_a_model_under_a_condition_may_run() -> None:
    main = """
        from nets import big

        def guess(net, x):
            if x is None:
                return net(x)
            return x

        def run(net, x):
            return net(x)

        def main():
            net = big("a")
            for x in range(3):
                guess(net, x)
                run(net, x)

        if __name__ == "__main__":
            main()
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": main}), "course: roots=1")
    assert any("`guess()`" in line and line.endswith("may run `Big`") for line in found)
    assert any("`run()`" in line and line.endswith("- runs `Big`") for line in found)


def test_the_script_that_runs_all_models_of_another_and_more_is_the_main_one() -> None:
    part = "from nets import big\n\ndef main():\n    net = big('a')\n    return net(1)\n\n" + RUN
    whole = "from nets import big, small\n\ndef main():\n    net = big('a')\n    two = small('b')\n"
    whole += "    return two(net(1))\n\n" + RUN
    files = {
        "nets.py": NETS,
        "README.md": "python a_demo.py\npython b_demo.py\n",
        "a_demo.py": part,
        "b_demo.py": whole,
    }
    assert "main()` in b_demo.py" in texts(codebase_of(files), "outline: what=steps")[0]


def test_a_condition_of_one_way_is_not_told_of_code_that_is_reached_by_two() -> None:
    main = """
        import sys
        from nets import big

        def use(net, x):
            return net(x)

        def main():
            net = big("a")
            out = 1
            if sys.argv[1] == "twice":
                out = use(net, out)
            if sys.argv[2] == "once":
                out = use(net, 2)
            return out

        if __name__ == "__main__":
            main()
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": main}), "outline: what=models")
    assert found[1] == "Run, in this order: `Big` by `net()` in `use()`"


def test_alternatives_among_the_steps_are_one_entry() -> None:
    main = """
        import sys
        from nets import big, small

        def warm(net):
            print(net)
            print(net)
            return net

        def main():
            if sys.argv[1] == "big":
                net = big("a")
            else:
                net = small("b")
            return warm(net)

        if __name__ == "__main__":
            main()
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": main}), "outline: what=steps")
    assert found[0].endswith(
        'in this order: one of: if `sys.argv[1] == "big"`: `big()`, or if not `sys.argv[1] == "big"`: `small()`'
        " → `warm()`"
    )


def test_what_a_test_imports_is_no_program() -> None:
    main = "from nets import big\n\ndef main():\n    net = big('a')\n    return net(1)\n\n" + RUN
    files = {"nets.py": NETS, "run.py": main, "work.py": "from nets import small\nready = small('b')\nready(1)\n"}
    files["tests/test_work.py"] = "import work\n\nprint(1)\n"
    assert not [line for line in texts(codebase_of(files), "outline: what=others") if "work.py" in line]


def test_implementations_that_one_call_may_run_exclude_one_another() -> None:
    code = """
        from nets import big, small

        class First:
            def __init__(self):
                self.net = big("a")

            def chat(self, x):
                return self.net(x)

        class Second:
            def __init__(self):
                self.net = small("b")

            def chat(self, x):
                return self.net(x)

        class Chat:
            def __init__(self, name):
                if name == "first":
                    self.model = First()
                else:
                    self.model = Second()

            def chat(self, x):
                return self.model.chat(x)

        def main():
            print(Chat("first").chat(1))

    """
    run = _run_in_order(code)
    assert "one of: " in run and "(2)" not in run


def test_a_variable_that_may_hold_a_function_of_others_runs_those_that_are_known() -> None:
    code = """
        from nets import big, small
        from plugins import find

        def plain(x):
            return big("a")(x)

        def streamed(x):
            return small("b")(x)

        def main(stream=True):
            run = find("run")
            if run is None:
                if stream:
                    run = streamed
                else:
                    run = plain
            return run(1)

    """
    run = _run_in_order(code)
    assert "in `streamed()`" in run and "in `plain()`" in run


def _run_in_order(code: str) -> str:
    found = texts(codebase_of({"nets.py": NETS, "run.py": dedent(code) + RUN}), "outline: what=models")
    return next(text for text in found if text.startswith("Run, in this order"))


def test_a_command_that_a_nested_package_installs_does_not_lead() -> None:
    tool = """
        from nets import big

        def cli():
            big("a")(1)
    """
    setup = """
        from setuptools import setup
        setup(name="tool", entry_points={"console_scripts": ["tool = tool:cli"]})
    """
    run = """
        from nets import small

        def main():
            small("a")(1)

    """
    tree = {"eval/kit/setup.py": setup, "eval/kit/tool.py": tool, "nets.py": NETS, "run.py": dedent(run) + RUN}
    assert "in run.py" in texts(codebase_of(tree), "outline: what=steps")[0]


def test_a_condition_whose_arms_make_the_same_call_or_that_a_constant_decides_is_none() -> None:
    code = """
        from nets import big, small

        def build(items, size=0, wide=True):
            net = big("a")

            def batch(part):
                return net(part)

            if size:
                found = [batch(part) for part in items]
            else:
                found = batch(items)
            if wide:
                found = small("b")(found)
            return found

        def main(size=3):
            return build([1, 2], size)

    """
    run = _run_in_order(code)
    assert "only if" not in run and "in `batch()`" in run and "`Small`" in run


def test_a_choice_that_bodies_outside_a_program_make_is_not_told_of_it() -> None:
    code = """
        from nets import big, small

        class First:
            def __init__(self):
                self.net = big("a")
            def run(self, x):
                return self.net(x)

        class Second(First):
            def run(self, x):
                return small("c")(x)

        def pick(wide):
            return Second if wide else First

        def elsewhere():
            return dict(kind=Second)

        def main(wide=False):
            thing: First = pick(wide)()
            return thing.run(1)

    """
    tree = {"nets.py": NETS, "run.py": dedent(code) + RUN}
    assert not any("elsewhere" in text for text in texts(codebase_of(tree), "pipeline"))


def test_what_a_method_of_a_model_runs_stands_within_it() -> None:
    code = """
        from nets import big, small

        class Whole:
            def __init__(self):
                self.encoder = big("a")
                self.decoder = small("b")

            def generate(self, x):
                return self.decoder(self.encoder(x))

        def main():
            whole = Whole()
            return whole.generate(1)

    """
    trainer = """
        from transformers import Trainer
        from nets import big

        class Mine(Trainer):
            def compute_loss(self, model, inputs):
                return model(inputs)

        def main():
            trainer = Mine(model=big("a"))
            trainer.train()

    """
    assert "`Big`" in _run_in_order(code) and "`Small`" in _run_in_order(code)
    assert "the model in training by `trainer.train()` of `Mine` in `main()`" in _run_in_order(trainer)


def test_a_model_that_a_mixin_of_the_repository_loads_is_made_there_and_a_processor_of_a_library_is_none() -> None:
    nets = """
        from torch import nn
        from transformers import ImageProcessingMixin, PreTrainedModel

        class Fetching:
            @classmethod
            def from_pretrained(cls, name):
                return super().from_pretrained(name)

        class Reader(Fetching, PreTrainedModel):
            def __init__(self):
                self.line = nn.Linear(2, 2)
            def forward(self, x):
                return self.line(x)

        class Frames(Fetching, ImageProcessingMixin):
            def __call__(self, x):
                return x
    """
    main = """
        from nets import Frames, Reader

        def main():
            frames = Frames()
            reader = Reader.from_pretrained("some/reader")
            return reader(frames(1))
    """
    found = texts(codebase_of({"nets.py": nets, "run.py": main + RUN}), "outline: what=models")
    assert found[0] == "Made or loaded, in this order: `Reader` in `main()`"
    assert found[1].startswith("Run, in this order: `Reader` by `reader()`") and len(found) == 2


def test_a_script_beside_the_file_is_started_and_not_the_one_of_the_same_name_that_calls_it() -> None:
    starter = """
        import os
        import subprocess

        def cli():
            here = os.path.dirname(os.path.abspath(__file__))
            subprocess.run(["streamlit", "run", os.path.join(here, "page.py")])
    """
    page = """
        from nets import big

        net = big("a")
        net(1)
    """
    outer = "from tool.start import cli\n\nif __name__ == '__main__':\n    cli()\n"
    files = {"nets.py": NETS, "tool/__init__.py": "", "tool/start.py": starter, "tool/page.py": page, "page.py": outer}
    found = texts(codebase_of(files), "flow")
    assert "`cli()` starts `tool/page.py` in another process, with `subprocess.run()`" in found


def test_functions_that_other_code_is_given_are_no_handlers_of_an_interface() -> None:
    main = """
        from datasets import load_dataset
        from nets import big

        def clean(text):
            for sign in ".,;":
                text = text.replace(sign, "")
            return text.strip()

        def shorten(row):
            return clean(row)[:2]

        def is_long(row):
            return len(clean(row)) > 3

        def main():
            rows = load_dataset("some/rows")
            rows = rows.map(shorten)
            rows = rows.map(is_long)
            net = big("a")
            return net(rows)
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": main + RUN}), "course")
    told = "Besides, 2 functions are given to `rows.map()`, which run them, and lead to no model"
    assert told in found and not any("change the interface" in text for text in found)


def test_what_a_later_arm_runs_before_a_body_that_both_reach_comes_first() -> None:
    code = """
        import sys
        from nets import big, small

        def say(net, text):
            return net(text)

        def plain(net, text):
            return say(net, text)

        def cloned(net, text):
            ears = small("b")
            return say(net, ears(text))

        def main():
            net = big("a")
            if sys.argv[1] == "plain":
                return plain(net, "x")
            else:
                return cloned(net, "x")
    """
    files = {"nets.py": NETS, "run.py": f"{dedent(code)}\n\n{RUN}"}
    run = next(line for line in texts(codebase_of(files), "outline: what=models") if line.startswith("Run"))
    assert run.startswith("Run, in this order: (1) `Small` by `ears()` in `cloned()` (only if not ")
    assert run.endswith("; (2) `Big` by `net()` in `say()`")


def test_more_alternatives_than_are_told_are_no_order() -> None:
    arms = "".join(
        f"    {'el' if at else ''}if sys.argv[1] == 'n{at}':\n        net{at} = big('a')\n        net{at}(1)\n"
        for at in range(11)
    )
    main = f"import sys\nfrom nets import big\n\ndef main():\n{arms}\n\n"
    found = texts(codebase_of({"nets.py": NETS, "run.py": main + RUN}), "outline: what=models")
    run = next(line for line in found if line.startswith("Run"))
    assert "one of: if `sys.argv[1] == 'n0'`: " in run and run.endswith(", or one of 3 more") and "(1)" not in run


def test_what_a_lambda_holds_does_not_run_when_its_file_is_loaded() -> None:
    main = """
        from functools import cache
        from nets import big, small

        get_small = cache(lambda: small("s"))
        NET = big("b")

        def main():
            return NET(1)
    """
    files = {"nets.py": NETS, "run.py": f"{dedent(main)}\n\n{RUN}"}
    manifest = '[project]\nname = "runs"\nversion = "1"\n[project.scripts]\nruns = "run:main"\n'
    (steps, *_) = texts(codebase_of(files | {"pyproject.toml": manifest}), "outline: what=steps")
    assert "`big()`" in steps and "small" not in steps


def test_what_many_launchers_run_is_the_main_program_and_a_launcher_runs_the_file_of_its_own_project() -> None:
    net = "from nets import big\n\ndef main():\n    return big('a')(1)\n\n" + RUN
    tree = {
        f"{name}/{path}": text for name in ("chat", "chat_two") for path, text in {"train/chat_tune.py": net}.items()
    }
    shell = {f"chat_two/shell/run_{n}.sh": "# chat/\nsrun python -u train/chat_tune.py --lr 1e-5\n" for n in range(14)}
    side = {"side/main.py": net, "README.md": "Models.\n", "side/README.md": "```\npython main.py --a\n```\n"}
    codebase = codebase_of({"nets.py": NETS, **tree, **shell, **side})
    assert "main()` in chat_two/train/chat_tune.py" in texts(codebase, "outline: what=steps")[0]
    told = [text for text in texts(codebase, "programs") if "chat_tune.py" in text]
    assert told and all("chat_two/train/chat_tune.py" in text for text in told)


def test_steps_of_one_loop_are_told_together() -> None:
    code = """
        from nets import big, small

        def split(page):
            return page[:2], page[2:]

        def read(nets, page):
            first, second = split(page)
            nets[0](first)
            return nets[1](second)

        def main():
            one, two = big("a"), small("b")
            for page in range(9):
                one(page)
                for word in split(page):
                    two(word)
            read((one, two), "x")
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": f"{dedent(code)}\n\n{RUN}"}), "outline: what=steps")
    assert found[0].endswith(
        "`big()` → `small()` → for each `page` {`Big.forward()` → `Small.forward()` (for each `word`)} → `read()`"
    )


def test_switching_a_model_to_evaluation_runs_nothing() -> None:
    main = "import timm\n\ndef main():\n    net = timm.create_model('a')\n    net.eval()\n    return net(1)\n\n"
    found = texts(codebase_of({"run.py": main + RUN}), "outline: what=models")
    assert not any(".eval()" in line for line in found) and any(line.startswith("Run") for line in found)


def test_a_model_that_runs_again_after_its_training_step_is_told_again() -> None:
    code = """
        from nets import big

        def main(batches):
            net = big("a")
            for first, second in batches:
                loss = net(first)
                loss.backward()
                other = net(second)
                other.backward()
    """
    codebase = codebase_of({"nets.py": NETS, "run.py": f"{dedent(code)}\n\n{RUN}"})
    told = texts(codebase, "outline: what=steps")[0]
    assert told.endswith("`Big.forward()` → `loss.backward()` → `Big.forward()` again → `other.backward()`}")
    lines = [text for text in texts(codebase, "pipeline") if "net(" in text]
    assert len(lines) == 2 and not any("again on line" in text for text in lines)


def test_models_that_stand_in_several_arms_and_never_together_are_alternatives() -> None:
    code = """
        import sys
        from nets import big, small

        def load(name, base):
            if base:
                if "big" in name:
                    net = big("a")
                elif "small" in name:
                    net = small("b")
            else:
                if "big" in name:
                    net = big("c")
                elif "small" in name:
                    net = small("d")
            return net

        def main():
            net = load(sys.argv[1], sys.argv[2])
            return net(1)
    """
    made, *_ = texts(codebase_of({"nets.py": NETS, "run.py": f"{dedent(code)}\n\n{RUN}"}), "outline: what=models")
    assert made.startswith("Made or loaded, in this order: one of: ") and "(1)" not in made
