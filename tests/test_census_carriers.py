"""Census kinds on data flow: contracts of steps, entries of dictionaries, files between steps, state of objects."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "main.py": """
        import json
        import sys
        from steps import Cutter, prepare, render, table

        def main(args):
            cutter = Cutter(args.device)
            cut_path, shape = cutter.cut(args.image, args.out)
            batch = prepare(cut_path, args.size)
            found = []
            for part in (1, 2):
                answer = render(batch, part)
                found.append((answer, part))
            for answer, part in found:
                report(answer)
            return None

        def report(answer):
            global LAST
            LAST = answer
            print(json.dumps(answer))
            print(len(answer))

        if __name__ == "__main__":
            main(sys.argv)
    """,
    "steps.py": """
        import cv2
        import numpy as np

        class Cutter:
            def __init__(self, device):
                self.device = device
                self.count = 0

            def cut(self, image, out):
                self.count += 1
                self.last = image
                path = out + "/cut.png"
                cv2.imwrite(path, image)
                shape = np.shape(image)
                return path, shape

            def again(self):
                return self.cut(self.last, self.device)

        def prepare(image_path, size):
            pixels = load(image_path)
            batch = {"pixels": pixels, "size": size}
            batch["mask"] = pixels > 0
            return batch

        def load(where):
            name = where
            image = cv2.imread(name)
            image = image[::2]
            image = image[:, ::2]
            image = image / 255
            return image

        def render(data, part):
            data["part"] = part
            return paint(data)

        def paint(entries):
            total = entries["pixels"] * entries.get("part")
            total = total + 1
            total = np.sqrt(total)
            total = np.abs(total)
            total = np.exp(total)
            return total

        def table():
            return {}
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_a_step_says_what_it_takes_from_which_step_and_who_takes_its_result(codebase: Codebase) -> None:
    assert texts(codebase, "contracts") == [
        "In `main()` (main.py):",
        "`Cutter.cut()` gives `path, shape`, taken by `prepare()`",
        "`prepare()` takes `cut_path` as `image_path` (part of the result of `Cutter.cut()`); from elsewhere "
        "`size=args.size`; gives a dictionary with the keys `pixels`, `size`, `mask`, taken by `render()`",
        "`render()` takes `batch` as `data` (from `prepare()`); from elsewhere `part`; sets `part` in "
        "`batch`; gives `paint(data)`, taken by `report()`",
        "`report()` takes `answer` (part of the result of `render()`)",
    ], "what a loop takes from a list of tuples comes from the member of the tuple"


def test_entries_of_a_dictionary_are_followed_through_calls(codebase: Codebase) -> None:
    assert texts(codebase, "dict_flow") == [
        "`batch` of `main()`, the dictionary that `prepare()` gives with the keys `pixels`, `size`, `mask`: `render()` "
        "sets `part`; `paint()` reads `pixels`, `part`; not read by name: `size`, `mask`"
    ]
    (hit,) = run_query(codebase, "dict_flow: batch").hits
    lines = FILES["steps.py"].splitlines()  # type: ignore[union-attr]
    read = [line for label, path, line, _ in hit.related if label == "entry" and path == "steps.py"]
    assert all('"pixels"' in lines[n] or '"part"' in lines[n] for n in read)


def test_a_file_is_joined_by_the_member_of_the_tuple_that_is_its_path(codebase: Codebase) -> None:
    assert texts(codebase, "relay") == [
        "`Cutter.cut()` writes an image with `cv2.imwrite()` and gives its path, which `main()` passes on; it is read "
        "by `prepare()` (with `cv2.imread()` in `load()`)"
    ]
    changed = str(FILES["main.py"]).replace("prepare(cut_path,", "prepare(shape,")
    other = codebase_of(FILES | {"main.py": changed})
    assert not texts(other, "relay")


def test_objects_tell_what_changes_and_what_the_constructor_sets(codebase: Codebase) -> None:
    assert texts(codebase, "kept") == [
        "`Cutter` objects (steps.py) keep: `count`, set by `__init__()`, `cut()` and read by `cut()`; `last`, set by "
        "`cut()` and read by `again()`; set once by the constructor: `device`, read by `again()`"
    ]


def test_carriers_sum_it_up(codebase: Codebase) -> None:
    told = texts(codebase, "carriers")
    assert told[0] == (
        "Steps pass results on as return values and arguments. In `main()` (main.py) `prepare()` gives `batch` to "
        "`render()`; `render()` gives `answer` to `report()`"
    ), "paths are told as files"
    assert told[1] == (
        "Dictionaries with string keys that steps return carry several values at once: `batch` (made by `prepare()`)"
    )
    assert told[2].startswith("`Cutter.cut()` writes an image with `cv2.imwrite()` and gives its path")
    assert told[3:] == [
        "Objects keep state in attributes from one method call to the next: `Cutter` (`count` and `last`)",
        "Functions set 1 variable of modules with `global`: `LAST` of main.py",
    ]


def test_what_calls_pass_for_parameters_is_known_inside() -> None:
    sample = codebase_of(
        {
            "run.py": """
                class Engine:
                    def go(self, speed):
                        for turn in range(speed):
                            print(turn)
                        print("done")
                        print(speed)
                        return speed

                def drive(engine, speed):
                    return engine.go(speed)

                def main():
                    drive(Engine(), 3)

                main()
            """
        }
    )
    assert "`drive()` calls `engine.go()`, which runs `Engine.go()`" in texts(sample, "flow: all=yes")


def test_what_is_put_into_a_list_of_an_object_is_state_that_changes() -> None:
    codebase = codebase_of(
        {
            "talk.py": """
                class Talk:
                    def __init__(self):
                        self.lines = []

                    def say(self, line):
                        self.lines.append(line)

                    def told(self):
                        return " ".join(self.lines)

                def main():
                    talk = Talk()
                    for line in ("a", "b"):
                        talk.say(line)
                    print(talk.told())

                main()
            """
        }
    )
    assert texts(codebase, "kept") == [
        "`Talk` objects (talk.py) keep: `lines`, set by `__init__()`, `say()` and read by `say()`, `told()`"
    ]


SHARED = {
    "app/__init__.py": "",
    "app/state.py": "speed = None\nfast = False\n\n\ndef helper() -> int:\n    return 1\n",
    "app/core.py": "import app.state\nfrom app.steps import one, two, three\n\n\ndef main() -> None:\n"
    "    app.state.speed = 3\n    app.state.fast = True\n    app.state.helper = print\n"
    "    x = one(1)\n    y = two(x)\n    three(y)\n\n\nif __name__ == '__main__':\n    main()\n",
    "app/steps.py": "from app import state\n\n\ndef one(a):\n    return a * state.speed\n\n\ndef two(a):\n"
    "    return a if getattr(state, 'speed', None) else state.fast\n\n\ndef three(a):\n    print(a)\n"
    "    return four(a)\n"
    "\n\ndef four(a):\n    return state.speed\n\n\ndef local(state):\n    return state.speed\n",
}


def test_a_module_that_others_set_and_read_is_told_first() -> None:
    sample = codebase_of(SHARED)
    told = texts(sample, "carriers")
    assert told[0] == (
        "Context is shared through a module: 2 variables of `app/state.py` are set by other modules, in `main()`, and "
        "read by 3 functions in 1 other file; most read, with the number of functions: `speed` (3), `fast` (1)"
    )
    assert len(told) == 1, "what functions of one line give is no hand-over"
    (verdict,) = texts(sample, "modularity")
    assert "2 read variables of a module that other code sets (`one()`, `two()`)" in verdict
    assert "1 show no tie to their surroundings in their own code" in verdict


def test_a_module_that_few_functions_read_or_that_only_gets_patches_is_no_carrier() -> None:
    few = str(SHARED["app/steps.py"]).replace("    return state.speed\n\n\ndef local", "    return a\n\n\ndef local")
    assert not texts(codebase_of(SHARED | {"app/steps.py": few}), "shared_modules")


def test_a_method_called_update_that_gives_a_value_fills_nothing() -> None:
    sample = codebase_of(
        {
            "run.py": """
                from outside import Decoder

                class Task:
                    def __init__(self):
                        self.decoder = Decoder()
                        self.seen = {}

                    def step(self, tokens):
                        tokens, done = self.decoder.update(tokens)
                        self.seen.update(tokens)
                        return tokens, done, self.seen

                def main():
                    task = Task()
                    print(task.step([1]))

                main()
            """
        }
    )
    (told,) = texts(sample, "kept")
    assert "`seen`, set by `__init__()`, `step()`" in told and "`decoder`, set by" not in told


def test_what_is_inherited_is_cited_where_it_stands_and_an_overridden_constructor_sets_nothing() -> None:
    files = {
        "above.py": """
            class Above:
                def __init__(self):
                    self.room = {}
                    self.lost = {}

                def fill(self, key):
                    self.room = {key: self.lost}
                    return self.room
        """,
        "run.py": """
            from above import Above

            class Below(Above):
                def __init__(self):
                    self.room = {}

                def give(self):
                    return self.room

            def main():
                below = Below()
                below.fill("a")
                return below.give()

            if __name__ == "__main__":
                main()
        """,
    }
    (hit,) = run_query(codebase_of(files), "kept: Below").hits
    assert (
        hit.text
        == "`Below` objects (run.py) keep: `room`, set by `__init__()`, `fill()` and read by `give()`, `fill()`"
    )
    assert {place[1:3] for place in hit.related} == {("run.py", 5), ("above.py", 7)}


def test_what_is_put_into_parts_by_a_method_is_told_with_who_reads_it_there() -> None:
    code = """
        from torch import nn

        class Layer(nn.Module):
            def __init__(self):
                super().__init__()
                self.seen = None
                self.scale = 1

            def condition(self, seen):
                self.seen = seen

            def set_parameters(self, weight):
                self.weight = weight

            def forward(self, x):
                return x + self.seen + self.weight

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.ModuleList([Layer()])

            def forward(self, x, picture):
                for layer in self.layers:
                    layer.condition(picture)
                    layer.set_parameters(2)
                for layer in self.layers:
                    x = layer(x)
                return x

        def main():
            return Net()(1, 2)

        if __name__ == "__main__":
            main()
    """
    assert texts(codebase_of({"run.py": code}), "carriers: what=parts") == [
        "`picture` is put into `Layer` with `condition()` by `Net.forward()` (run.py), and kept there in `seen`, which "
        "`Layer.forward()` (run.py) read when they run, without an argument for it"
    ]
