"""What functions set in what they are given, rows of dictionaries, and dictionaries that a page keeps."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

WORDS = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, sound):
            return self.layer(sound)

    def pieces(sound, net):
        out = net(sound)
        return {"start": 0, "text": out}

    def add_words(*, rows, net, sound):
        found = net(sound)
        for row, word in zip(rows, found):
            words = []
            words.append(dict(word=word, start=1))
            row["words"] = words
            row["start"] = word

    def last_end(rows):
        for row in reversed(rows):
            for word in row["words"]:
                if word["start"]:
                    return word["start"]
        return None

    def main(sound):
        net = Net()
        frames = torch.zeros(3)
        first = pieces(frames, net)
        length = first["text"].shape[-1]
        current = []
        current.append(pieces(frames, net))
        add_words(rows=current, net=net, sound=frames)
        end = last_end(current)
        shown = [{"id": i, **row} for i, row in enumerate(current)]
        return shown, end, pieces(length, net)

    if __name__ == "__main__":
        main(None)
"""

PAGE = """
    import gradio as gr

    def read(video, state):
        state = {"frames": [video], "masks": [], "fps": 30}
        return state, state["frames"][0]

    def click(state, point):
        state["masks"][0] = point
        return state

    def track(state):
        return [frame for frame, mask in zip(state["frames"], state["masks"])]

    with gr.Blocks() as page:
        state = gr.State({"frames": None, "masks": None, "fps": 30})
        video, picture, button = gr.Video(), gr.Image(), gr.Button()
        video.change(fn=read, inputs=[video, state], outputs=[state, picture])
        picture.select(fn=click, inputs=[state, picture], outputs=[state])
        button.click(fn=track, inputs=[state], outputs=[picture])

    page.launch()
"""


def texts(code: str, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"run.py": code}), query).hits]


def test_a_step_that_gives_nothing_back_is_told_with_what_it_sets() -> None:
    (told,) = texts(WORDS, "model_flow: main")
    assert "`add_words()` takes `current` (from `pieces()`)" in told
    assert "and sets `words`, `start` in `current`" in told
    assert "`last_end()` takes `current` (with `words`, `start` that `add_words()` set)" in told
    steps = texts(WORDS, "contracts: main")
    assert any(text.startswith("`add_words()`") and "sets `words` and `start` in `current`" in text for text in steps)


def test_a_size_is_not_what_it_was_measured_of() -> None:
    (told,) = texts(WORDS, "model_flow: main")
    assert "`length` (from" not in told and "takes `first['text']` (from" not in told


def test_rows_of_dictionaries_and_entries_added_later_are_told() -> None:
    assert texts(WORDS, "grown_dicts") == [
        "`add_words()` sets the keys `words`, `start` in its argument `rows` or the dictionaries in it",
        "`add_words()` puts dictionaries with the keys `word`, `start` into the list `words`",
        "`main()` adds the key `id` to the entries of `row` in a new dictionary",
    ]


def test_the_dictionary_of_a_page_is_told_key_by_key() -> None:
    assert texts(PAGE, "carriers: what=entries") == [
        "From action to action of a person the page keeps the dictionary `state` (`State` of Gradio, run.py), which "
        "its handlers are given and give back: `masks`, set by `read()`, `click()` (run.py) and read by `click()`, "
        "`track()` (run.py); `frames`, set by `read()` (run.py) and read by `read()`, `track()` (run.py)"
    ]
