"""Census kinds on what is handed through many functions: objects, dictionaries, lists, state of modules, loops."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "main.py": """
        import state
        from parts import Page, Loader, Cutter, Painter, collect, load_config

        def main(path):
            state.put("size", 3)
            page = Page()
            for step in (Loader(), Cutter(), Painter()):
                step(page, path)
            found = []
            collect(found, page)
            report(found)
            show(found)
            run_step({"frame": page.picture, "mask": None, "speed": 1})
            run_other({"frame": page.picture, "mask": page.cut, "speed": 2})
            say("a")

        def report(found):
            print(len(found), state.get("size"))

        def show(found):
            print(found[0], state.get("title"))

        def run_step(inputs):
            return inputs["frame"], inputs.get("mask")

        def run_other(inputs):
            frame = inputs["frame"]
            inputs["done"] = True
            return frame, inputs["mask"], inputs["speed"]

        def answer(prompt):
            return prompt + "b"

        def say(start):
            spoken = [start]
            for turn in range(3):
                result = answer(spoken[-1])
                spoken.append(result)
            seen = []
            for word in spoken:
                seen.append(answer(word))
            return spoken, seen

        if __name__ == "__main__":
            main("a")
    """,
    "state.py": """
        VALUES = {}
        LIMITS = {"size": 4}

        def put(name, value):
            VALUES[name] = value

        def get(name):
            return VALUES.get(name)
    """,
    "parts.py": """
        class Page:
            def __init__(self):
                self.picture = None
                self.cut = None

        class Step:
            def __call__(self, page: Page, path: str):
                raise NotImplementedError

        class Loader(Step):
            def __call__(self, page: Page, path: str):
                page.picture = path

        class Cutter(Step):
            def __call__(self, page: Page, path: str):
                page.cut = page.picture

        class Painter(Step):
            def __call__(self, page: Page, path: str):
                print(page.picture)

        def collect(found, page):
            found.append(page.picture)

        def load_config(config):
            return config["a"], config["b"]
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_an_object_tells_who_changes_it_and_who_only_reads_it(codebase: Codebase) -> None:
    assert texts(codebase, "travelling: Page") == [
        "`page`, one `Page` object (parts.py), is handed through 5 functions; it is changed by `Loader.__call__()`, "
        "`Cutter.__call__()` (parts.py) (they set or call `picture`, `cut`); read only by `Step.__call__()`, "
        "`Painter.__call__()`, `collect()` (parts.py)"
    ]


def test_a_dictionary_is_told_with_its_keys_and_who_builds_and_reads_it(codebase: Codebase) -> None:
    assert texts(codebase, "travelling: sort=dictionary") == [
        "a dictionary passed as `inputs` with the keys `frame`, `mask`: built by `main()` (main.py); entries set by "
        "`run_other()` (main.py); read by key in `run_step()` (main.py)"
    ], "options are no context"


def test_a_list_tells_who_fills_it(codebase: Codebase) -> None:
    (told,) = texts(codebase, "travelling: sort=list")
    assert told.startswith("the list `found` is filled by `collect()` (parts.py), which add to the list")
    assert "handed on to `report()`, `show()` (main.py)" in told


def test_a_module_that_keeps_values_for_others_is_a_store_and_a_table_of_constants_is_none(codebase: Codebase) -> None:
    assert texts(codebase, "stores") == [
        "`VALUES` of state.py holds state for the whole process: set by `put()`, given out by `get()`; 3 functions of "
        "1 other file call these, with keys such as `size`, `title`"
    ]


def test_a_loop_that_asks_with_its_own_answers_feeds_back_and_one_that_collects_does_not(codebase: Codebase) -> None:
    (told,) = texts(codebase, "feedback")
    assert told.startswith("`say()` feeds results back: in the loop over `range(3)`")
    assert "`answer()` is given what `spoken` holds" in told


LOOPS = """
def write(model, text, keep=True, start=None):
    options = {}
    said = []
    since = 0
    if start is not None:
        said.extend(start)
    for part in text:
        options["prompt"] = said[since:]
        answer = reply(options, part)
        if answer.heat > 0.5 or not keep:
            since = len(said)
        if answer.done:
            break
        said.extend(answer.words)
    return said


def reply(options, part):
    first = options.prompt
    tokens = [0] + first[-9:]
    return ask(tokens, part)


def ask(tokens, part):
    return tokens


def search(tokens, sound):
    for _ in range(9):
        marks = ask(tokens, sound)
        tokens, done = choose(tokens, marks)
        if done:
            break
    return tokens


def choose(tokens, marks):
    return tokens + marks, True


if __name__ == "__main__":
    write(None, "a")
    search([], 1)
"""


def test_a_loop_tells_the_rule_of_what_it_carries() -> None:
    first, second = texts(codebase_of({"app.py": LOOPS}), "feedback")
    assert first.partition(". The rule of `said`: ")[2] == (
        "it begins as `[]`; with `start` added only if `start is not None`. A round takes `said[since:]`. It is "
        "cut back by `since = len(said)` only if `answer.heat > 0.5 or not keep`. The loop is left only if "
        "`answer.done`. Switches: `start` (default None), `keep` (default True). `prompt` is read by `reply()` "
        "(app.py), where `tokens = [0] + first[-9:]`"
    )
    assert second.startswith("`search()` feeds results back") and "the loop is left only if `done`" in second


DECODING = """
import torch


def boxes(self, pixels, start):
    given = start.to("cuda")
    count = 0
    while count < 9:
        out = self.model.decoder(given, pixels, first=count == 0)
        picked = out["logits"].argmax(-1)
        if picked.all():
            break
        given = torch.cat([picked, out["boxes"]], dim=-1)
        count += given.shape[1]
    return given


def batches(self, loader):
    given = next(loader)
    size = 12
    for _ in range(9):
        given = given.to("cuda")
        out = self.model(given, size)
        given = torch.cat([out])
        size = max(int(size * out.squeeze), 3)


if __name__ == "__main__":
    boxes(None, 1, 2)
    batches(None, 1)
"""


def test_what_a_model_makes_anew_for_the_next_round_feeds_back_and_a_counter_does_not() -> None:
    (told,) = texts(codebase_of({"app.py": DECODING}), "feedback")
    assert told.startswith("`boxes()` feeds results back: in the loop while `count < 9`")
    assert "`decoder()` is given what `given` holds" in told
    assert "`torch.cat()` makes the `given` of the next round of what came out" in told


def test_buffers_that_a_model_changes_and_the_memory_of_an_agent_are_state() -> None:
    net = (
        "import torch\nfrom langchain.memory import ConversationBufferMemory\n\n\nclass Net(torch.nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.register_buffer('queue', torch.zeros(9))\n"
        "        self.register_buffer('mean', torch.zeros(3))\n\n    def forward(self, x):\n"
        "        self.queue[0] = x\n        return x - self.mean\n\n\nclass Bot:\n"
        "    def __init__(self):\n"
        "        self.memory = ConversationBufferMemory()\n\n    def say(self, x):\n"
        "        return self.memory.load(x)\n\n\nif __name__ == '__main__':\n    Net()(1)\n    Bot().say(1)\n"
    )
    (told,) = texts(codebase_of({"app.py": net}), "carriers: what=state")
    assert told == (
        "`Net` keeps `queue` in buffers that `forward()` changes (app.py); an agent keeps its conversation in "
        "`ConversationBufferMemory` (app.py), used in `Bot.__init__()` and `Bot.say()`"
    )
