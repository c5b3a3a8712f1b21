"""What people set where there is no command line: inputs of Cog predictors and controls of Gradio interfaces."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NEW = """
    from cog import BasePredictor, Input, Path

    class Predictor(BasePredictor):
        def predict(
            self,
            image: Path = Input(description="Input image"),
            steps: int = Input(description="Steps", default=50, ge=1, le=100),
            kind: str = "plain",
        ) -> str:
            return str(image)
"""
OLD = """
    import cog

    class Predictor(cog.Predictor):
        @cog.input("image", type=str, help="Input image")
        @cog.input("task", type=str, default="caption")
        def predict(self, image, task):
            return image
"""
WEB = """
    import gradio as gr
    from shapes import Slider

    with gr.Blocks() as demo:
        strength = gr.Slider(label="Strength", value=0.5)
        other = Slider(label="Not a control")
        button = gr.Button("Go")
"""


def test_inputs_and_controls_are_told_with_defaults_limits_and_words() -> None:
    def told(source: str) -> list[str]:
        return [hit.text for hit in run_query(codebase_of({"app.py": source}), "served_inputs").hits]

    assert told(NEW) == [
        "`image` (“Input image”): an input of `Predictor.predict()`, given to Cog",
        "`steps` (default `50`, at least `1`, at most `100`; “Steps”): an input of `Predictor.predict()`, given to Cog",
    ]
    assert told(OLD) == [
        "`image` (“Input image”): an input of `Predictor.predict()`, given to Cog",
        "`task` (default `'caption'`): an input of `Predictor.predict()`, given to Cog",
    ]
    assert told(WEB) == ["`gr.Slider` “Strength” (default `0.5`): a control of the web interface"]


WIRED = """
    import gradio as gr

    def paint(text, steps):
        return pipe(prompt=text, count=steps)

    with gr.Blocks() as demo:
        words = gr.Textbox(label="Prompt")
        amount = gr.Slider(label="Steps", value=20)
        picture = gr.Image(label="Result")
        values = [words, amount]
        gr.Button("Go").click(fn=paint, inputs=values, outputs=[picture])
"""


def test_controls_are_told_with_the_parameters_they_set_and_not_what_only_shows() -> None:
    codebase = codebase_of({"app.py": WIRED})
    assert [hit.text for hit in run_query(codebase, "served_inputs").hits] == [
        "`gr.Textbox` “Prompt”: a control of the web interface that sets `text` of `paint()`",
        "`gr.Slider` “Steps” (default `20`): a control of the web interface that sets `steps` of `paint()`",
    ]
    (way,) = run_query(codebase, "served_ways").hits
    assert way.text == (
        "`paint()` (app.py) is run by `click()` with 2 values that people set: `text`, `steps`; "
        "it gives `text` (as `prompt`) and `steps` (as `count`) to `pipe()`"
    )
