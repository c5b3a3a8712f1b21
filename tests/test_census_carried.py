"""What carries context: options that functions set, sessions of screens, joined traces; interfaces by use."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "nets.py": """
        import torch
        from diffusers import StableDiffusionPipeline
        from torch.utils.data import Dataset

        class Left(torch.nn.Module):
            def encode(self, x):
                return x

            def forward(self, x):
                return {"features": x, "scale": 1}

        class Right(torch.nn.Module):
            def encode(self, x):
                return x

            def forward(self, x):
                return {"features": x, "scale": 2}

        class Painter(StableDiffusionPipeline):
            pass

        class Pictures(Dataset):
            def __getitem__(self, index):
                return index
    """,
    "train.py": """
        import argparse
        from nets import Left, Painter, Pictures, Right

        def spread(args):
            args.rank = 0
            args.world = args.gpus

        def build(args):
            return Left() if args.left else Right()

        def measure(features, scale):
            return features * scale

        def learn(model, args):
            for picture in Pictures():
                out = model(picture)
                loss = measure(**out)
                print(out["features"], loss, args.rate)

        def report(args, metrics):
            metrics["loss"] = 1
            metrics["rate"] = args.rate

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--left", action="store_true")
            args = parser.parse_args()
            spread(args)
            args.name = "run"
            model = build(args)
            learn(model, args)
            model.encode(1)
            Painter()

        if __name__ == "__main__":
            main()
    """,
    "page.py": """
        import streamlit as st

        def say(text):
            st.session_state.history.append(text)

        def page():
            if "history" not in st.session_state:
                st.session_state["history"] = []
            for line in st.session_state.history:
                st.write(line)

        page()
    """,
    "window.py": """
        import gradio as gr

        def answer(text, turns):
            return text, turns + [text]

        with gr.Blocks() as demo:
            turns = gr.State([])
            box = gr.Textbox()
            box.submit(answer, [box, turns], [box, turns])
        demo.launch()
    """,
    "rows.py": """
        def first(cell):
            cell["text"] = cell["kind"]

        def second(cell):
            first(cell)

        def third(cell):
            return cell["kind"], cell["text"]

        def fourth(cell):
            third(cell)
            second(cell)
            cell.setdefault("kind", "")
            cell["text"] += cell["kind"]
    """,
    "other.py": """
        def read(cell):
            return cell["kind"], cell["text"]
    """,
}


def part(*names: str) -> Codebase:
    return codebase_of({name: FILES[name] for name in names})


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return part("nets.py", "train.py")


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_options_that_functions_set_carry_values(codebase: Codebase) -> None:
    (told,) = texts(codebase, "carriers: what=options")
    assert told.startswith("`args`, a namespace of options, goes through 4 functions of 1 file")
    assert "`spread()` (train.py) sets `rank`, `world`" in told and "`main()` (train.py) sets `name`" in told


def test_sessions_are_told_by_framework() -> None:
    streamlit, gradio = texts(part("page.py", "window.py"), "carriers: what=sessions")
    assert "`history`, set by `page()`, `say()` (page.py) and read by `page()` (page.py)" in streamlit
    assert "`turns` (State), set by `answer()` (window.py) and read by `answer()` (window.py)" in gradio


def test_an_equal_parameter_name_joins_nothing() -> None:
    (told,) = texts(part("rows.py", "other.py"), "travelling: cell")
    assert "rows.py" in told and "other.py" not in told


def test_texts_that_keys_are_compared_with_are_keys() -> None:
    code = """
        def fill(given):
            given["vector"], given["image"] = 1, 2

        def double(given):
            for key in given:
                if key in ["vector", "image"]:
                    given[key] = given[key] * 2

        def show(given):
            fill(given)
            double(given)
            print(given["image"], given.get("vector"))
    """
    (told,) = texts(codebase_of({"steps.py": code}), "travelling: given")
    assert "read by key in `double()`" in told


def test_a_base_whose_subclasses_all_bring_a_method_is_an_interface() -> None:
    code = "class Base:\n    pass\n\n\n" + "\n\n".join(
        f"class {name}(Base):\n    def embed(self, x):\n        return x\n" for name in ("One", "Two", "Three")
    )
    code += "\n\nif __name__ == '__main__':\n    One().embed(1), Two().embed(1), Three().embed(1)\n"
    assert texts(codebase_of({"base.py": code}), "agreements: sort=bases") == [
        "base class `Base` (base.py), of which all 3 subclasses bring `embed()`: `One`, `Two`, `Three`"
    ]


def test_entries_of_what_a_model_gives_are_taken_by_name(codebase: Codebase) -> None:
    (told,) = texts(codebase, "dict_flow: out")
    assert "with the keys `features`, `scale`" in told and "`learn()` reads `features`" in told
    assert "`measure()` takes its entries as arguments of these names (`**out`)" in told


def test_methods_called_on_one_class_or_another_are_an_interface(codebase: Codebase) -> None:
    (told,) = texts(codebase, "agreements: sort=callers")
    assert (
        told
        == "`encode()`, `forward()`, called on an object that is `Left` or `Right`, by `main()`, `learn()` (train.py)"
    )


def test_library_classes_that_are_derived_from_are_interfaces(codebase: Codebase) -> None:
    assert texts(codebase, "agreements: sort=libraries") == [
        "the interface of `StableDiffusionPipeline` (diffusers), which `Painter` takes over by deriving from it",
        "the interface of `Dataset` (torch), which `Pictures` takes over by deriving from it",
    ]


def test_documented_launchers_are_separate_processes() -> None:
    read = "# How\n\n    torchrun --nproc-per-node=2 \\\n        train.py --fast\n\nUse `deepspeed` or not.\n"
    told = texts(
        codebase_of({"README.md": read, "train.py": FILES["train.py"], "nets.py": FILES["nets.py"]}),
        "concurrency: memory",
    )
    assert "one process per rank, each with a model of its own, of `train.py` as documented, with `torchrun`" in told[0]
