"""Census kind `purpose`: words that say what the project is for, and none on speed, licences, news or risk."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

README = """
# Talker

> Animates a portrait with a voice.

[![Build](https://example.org/b.svg)](https://example.org)

**Notice:** we released version 2. Join our Discord.

Use at your own risk; not responsible for anything.

Talker is a tool that turns one portrait image and an audio file into a talking video.

## Features

- Still mode
- Full image mode
- The license is now MIT

```
python run.py --source a.png
```
"""
RUN = """
import argparse
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source_image", help="the portrait")
    parser.add_argument("--keep_audio", action="store_true")
    parser.add_argument("--output_dir", default="out", help="where the video goes")
    parser.parse_args()
if __name__ == "__main__":
    main()
"""


def sentences(files: dict[str, str | bytes]) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), "purpose").hits]


def test_tagline_abstract_features_input_and_output_are_told() -> None:
    found = sentences({"README.md": README, "run.py": RUN})
    assert found[0] == "The README says of Talker: “Animates a portrait with a voice.”"
    assert found[1].startswith("It goes on: “Talker is a tool that turns one portrait image")
    assert found[2] == "Features it lists: Still mode; Full image mode."
    assert found[3] == "Goes in, by the options of the main programs: `--source_image` (the portrait)."
    assert found[4] == "Comes out, by the options of the main programs: `--output_dir` (where the video goes)."
    assert len(found) == 5


def test_a_table_of_metadata_in_code_is_a_description() -> None:
    table = """
    METADATA = {
        'name': 'Face', 'description': 'a face manipulation platform',
        'version': '1.0',
    }
    """
    found = sentences({"face/metadata.py": table, "README.md": "Face\n====\n\nWith some lines.\n"})
    assert found[0] == "The package metadata describes Face as “a face manipulation platform”."


def test_the_tree_says_what_code_defines_and_not_where_it_comes_from() -> None:
    files: dict[str, str | bytes] = {
        "net/model.py": '"""Much of this code is adapted from another project."""\nclass Net:\n    pass\n',
        "run.py": "from net.model import Net\n",
    }
    told = [hit.text for hit in run_query(codebase_of(files), "tree").hits]
    assert any("model.py - class Net" in text and "adapted" not in text for text in told)
    assert any("net/ - " in text and text.endswith("; used by run.py") for text in told)


def test_a_notice_is_no_title_and_a_vendored_package_no_description() -> None:
    files = {
        "README.md": "## This repo is DEPRECATED and not maintained\n\n## Pix: Learning to See by Listening\n\n"
        "This is the code of a model that sees.\n\nCatalog:\n- [x] Training code\n- [x] Inference demo\n\n"
        "In order to finetune with larger images, simply change the file.\n\n"
        "<pre>python -m torch.distributed.run --nproc_per_node=8 train.py --config other/setup.py</pre>\n",
        "train.py": "def main():\n    return 1\n\n\nif __name__ == '__main__':\n    main()\n",
        "check.py": "class C:\n    pass\n\n\nif __name__ == '__main__':\n    C()\n",
        "other/setup.py": "from setuptools import setup\n\nsetup(name='other', description='entirely other thing')\n",
        "other/code.py": "X = 1\n" * 9,
    }
    codebase = codebase_of(files)
    said = [hit.text for hit in run_query(codebase, "purpose").hits]
    assert said[0] == "The README is titled “Pix: Learning to See by Listening”."
    assert "Features it lists: Training code; Inference demo." in said
    assert not [text for text in said if "DEPRECATED" in text or "entirely other" in text or "finetune" in text]
    assert "train.py" in [hit.name for hit in run_query(codebase, "programs").hits]
    assert "other/setup.py" not in [hit.name for hit in run_query(codebase, "programs").hits]


def test_a_folder_of_weights_is_no_input() -> None:
    body = (
        "import argparse\n\n\ndef main():\n    p = argparse.ArgumentParser()\n"
        "    p.add_argument('--input-file', help='a page')\n"
        "    p.add_argument('--artifacts-path', help='where the model weights lie')\n    p.parse_args()\n\n\nmain()\n"
    )
    said = [hit.text for hit in run_query(codebase_of({"run.py": body}), "purpose: input").hits]
    assert said == ["Goes in, by the options of the main programs: `--input-file` (a page)."]


def test_authors_and_their_universities_say_nothing_of_the_purpose() -> None:
    readme = (
        "# Pix\n\nAda Lang 1, Ben Roth 2, Cleo Marsh 1\n\n1 Northern University 2 Tidal AI Lab\n\n"
        "To appear at a conference 2\n\nA model that draws what it hears in a room.\n"
    )
    said = [hit.text for hit in run_query(codebase_of({"README.md": readme, "a.py": "X = 1\n"}), "purpose").hits]
    assert said == ["The README says of Pix: “A model that draws what it hears in a room.”"]


def test_definitions_lead_navigation_is_passed_over_and_served_inputs_go_in() -> None:
    readme = (
        "# Viz & VizAgent\n\n**Jump to: [Viz](#viz), [VizAgent](#agent)**\n\nViz Two is supported by the Lake team.\n\n"
        "<p><b>Viz</b> is a model that reads pictures. Please install it first.</p>\n"
        "<p><b>VizAgent</b> is a model that clicks on screens and reads what it is shown there.</p>\n\n"
        "Other is a thing that this project has nothing to do with at all, whatever it says.\n"
    )
    head = "from cog import Input\n\nclass P:\n"
    app = head + "    def predict(self, photo=Input(description='A face')):\n        return photo\n"
    said = [hit.text for hit in run_query(codebase_of({"README.md": readme, "predict.py": app}), "purpose").hits]
    assert said[:2] == [
        "The README says of Viz & VizAgent: “Viz is a model that reads pictures.”",
        "It goes on: “VizAgent is a model that clicks on screens and reads what it is shown there.”",
    ]
    assert [text for text in said if text.startswith("Goes in, by the inputs of its predictor: `photo` (“A face”).")]
    assert len(said) == 3


def test_numbered_paragraphs_behind_a_colon_are_features() -> None:
    readme = "# Voxel\n\nThe advantages of Voxel are two:\n\n**1. Clear.**\nIt speaks.\n\n**2. Fast.** It runs.\n\n"
    readme += "## Next\n\n3. Old\n"
    said = [hit.text for hit in run_query(codebase_of({"README.md": readme, "a.py": "X = 1\n"}), "purpose").hits]
    assert said == ["Features it lists: Clear (It speaks); Fast (It runs)."]


def test_the_name_of_the_project_is_no_news_however_it_is_spelt() -> None:
    readme = "# :rocket: Quick speech\n\n**faster-speech** is a rewrite of Speech that reads audio.\n\n"
    readme += "## Speed\n\nExecuted with 8 threads on a desktop computer.\n"
    files = {"README.md": readme, "setup.py": "from setuptools import setup\nsetup(name='faster-speech')\n"}
    said = [hit.text for hit in run_query(codebase_of(files), "purpose").hits]
    assert "The README says of Quick speech: “faster-speech is a rewrite of Speech that reads audio.”" in said[0]


def test_conferences_pleas_plugs_and_items_of_news_that_go_on_say_nothing_of_the_purpose() -> None:
    readme = (
        "# Voxel\n\n**ICML 2031, Oral Paper**\n\nGive a \u2605 if you like the project!\n\n"
        "I also have other sound projects that may interest you.\n\nView the paper and user guide of it.\n\n"
        "- **News**: the loud model.\n  This model can take a picture and make a sound of it, with more control.\n\n"
        + "## More\n\n```\ncode\n```\n" * 30
        + "## Introduction\n\nVoxel is a model that reads rooms.\n"
    )
    said = [hit.text for hit in run_query(codebase_of({"README.md": readme, "a.py": "X = 1\n"}), "purpose").hits]
    assert said == ["The README says of Voxel: “Voxel is a model that reads rooms.”"]


OFFERED = """
<!-- 1. An old
notice that was taken out -->
## [English](README.md) | [Other](README_OTHER.md)

<h3 align="center"><a href="https://example.org">
Talker: one portrait and one voice become a video</a></h3>
<h5 align="center">If our project helps you, please give us a star</h5>

## Hosted API

There is a hosted API for all models of talker available [here](https://example.org):

- Always fast
- Never down
"""


def test_comments_links_to_languages_begging_and_hosted_offers_are_no_purpose() -> None:
    found = sentences({"README.md": OFFERED, "run.py": RUN})
    assert found[0] == "The README is titled “Talker: one portrait and one voice become a video”."
    assert not [text for text in found if "Never down" in text or "notice" in text or "star" in text]


SILENT = """
import torch

class Net(torch.nn.Module):
    def forward(self, x):
        return x

net = Net()

def infer(x):
    \"\"\"Tells what happens in a video clip.

    Args: x, the clip.
    \"\"\"
    return net(x)

if __name__ == "__main__":
    print(infer(1))
"""


def test_functions_that_run_models_speak_where_the_readme_says_nothing() -> None:
    found = sentences({"README.md": "# Clips\n\n- [2024.01.01] Release v1\n", "run.py": SILENT})
    assert found[0] == (
        "Functions that run its models say of themselves: `infer()` (run.py): “Tells what happens in a video clip”."
    )
    docker = README + "\nWe build Docker images for all pushes to main. Our images can be used to run Talker.\n"
    assert not [
        text for text in sentences({"README.md": docker, "run.py": SILENT}) if "Docker" in text or "infer" in text
    ]


NESTED = """
# Reader

***Reader*** is a tool for pages. It reads them with models. This makes ***Reader*** fit for:
- books

## Features

- Choose an engine:
   - small/one
   - big/faster-two (used by default)
- Reads pages
   - only those that are printed
"""
COPIED = RUN.replace(
    'parser.add_argument("--keep_audio", action="store_true")',
    'parser.add_argument("--text_input", help="path to image file")\n'
    '    parser.add_argument("--image_path", help="path to image file")',
)


def test_inner_items_go_with_their_item_and_a_copied_help_tells_nothing() -> None:
    found = sentences({"README.md": NESTED, "run.py": COPIED})
    assert found[0] == "The README says of Reader: “Reader is a tool for pages. It reads them with models.”"
    assert "Features it lists: Choose an engine: small/one, big/faster-two (used by default); Reads pages." in found
    (given,) = [text for text in found if text.startswith("Goes in")]
    assert "`--text_input`, `--image_path` (path to image file)" in given
