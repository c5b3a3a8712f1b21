"""Programs with a user interface: set-up, then what each event runs by itself, what loads before what uses it."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

NET = """
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.line(x)

    def infer(x):
        return Net()(x)
"""

APP = {
    "README.md": "```\npython app.py\n```\n",
    "net.py": NET,
    "app.py": """
        import gradio as gr
        import torch
        from net import Net

        class Voice:
            def __init__(self):
                self.net = None

            def load(self, path):
                self.net = Net()
                self.net.load_state_dict(torch.load(path))

            def speak(self, text):
                words = clean(text)
                return self.net(words)

        def clean(text):
            print("cleaning")
            print(text)
            return text.strip()

        def hide(box):
            print(box)
            return None

        def show(box):
            print(box)
            return box

        voice = Voice()
        with gr.Blocks() as page:
            go, choice, box = gr.Button(), gr.Dropdown(), gr.Textbox()
            go.click(hide, [box], [box]).then(voice.speak, [box], [box])
            box.change(show, [box], [box])
            box.select(hide, [box], [box])
            choice.change(voice.load, [choice], [])
        page.launch()
    """,
}


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_a_program_with_an_interface_is_told_by_its_actions_the_principal_one_first() -> None:
    first, event, inside, others, silent = texts(codebase_of(APP), "outline: what=steps")
    assert first == "The main program is the script app.py. At its start it runs `Voice`"
    assert event.startswith("Then it waits for the user, and each action runs by itself. ")
    assert "The principal one, on `go.click()`, runs `hide()` then `Voice.speak()`; it uses `net`, which" in event
    assert "which `Voice.load()` (on `choice.change()`) sets" in event
    assert inside.startswith("`Voice.speak()` runs ") and "`Voice.load()`" not in inside
    assert others == "Other actions that lead to models or start programs: on `choice.change()` `Voice.load()`"
    assert silent == "No model was seen to run on 2 other events: `show()`, `hide()`"


def test_handlers_stand_behind_the_set_up_what_loads_before_what_runs() -> None:
    codebase = codebase_of(APP)
    lines = texts(codebase, "pipeline: roots=1")
    assert lines[2].startswith("Then it waits for the user")
    assert [line for line in lines if "On `" in line] == [
        "Step 2: On `choice.change()`: runs `Voice.load()`",
        "Step 3: On `go.click()`, one after the other:",
    ]
    assert lines[-1].startswith("Besides, 2 handlers are connected")
    course = texts(codebase, "course: roots=1")
    assert any(line.startswith("Step 2: on `choice.change()`: `Voice.load()`") for line in course)
    assert any(line.startswith("Step 3: on `go.click()`: `Voice.speak()`") for line in course)


def test_what_a_state_of_the_interface_carries_is_loaded_first_and_a_pool_is_no_event() -> None:
    codebase = codebase_of(
        {
            "README.md": "```\npython app.py\n```\n",
            "net.py": NET,
            "app.py": """
                import gradio as gr
                from concurrent.futures import ThreadPoolExecutor
                from net import Net, infer

                def prepare(path):
                    return Net()

                def track(net, x):
                    return infer(x)

                pool = ThreadPoolExecutor()
                pool.submit(infer, 1)
                with gr.Blocks() as page:
                    net = gr.State()
                    clip, run = gr.Video(), gr.Button()
                    run.click(track, inputs=[net, clip], outputs=[clip])
                    clip.upload(prepare, inputs=[clip], outputs=[net])
            """,
        }
    )
    lines = texts(codebase, "pipeline: roots=1")
    assert any(line.startswith("Step 1: Passes `infer()` (net.py) to `pool.submit()`") for line in lines)
    events = [line.partition(":")[2].strip() for line in lines if "On `" in line]
    assert events[0] == "On `clip.upload()`: runs `prepare()`"
    assert events[1] == "On `run.click()`: runs `track()`; it uses `net`, which `prepare()` (on `clip.upload()`) sets"
