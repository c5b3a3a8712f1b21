"""Trackers that are chosen by a keyword or an option, and what may be called unused."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

TRAIN = """
import argparse
from accelerate import Accelerator


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--report_to", default=DEFAULT)
    args = parser.parse_args()
    accelerator = Accelerator(log_with=GIVEN)
    accelerator.init_trackers("run")
    accelerator.log({"loss": 1})


if __name__ == "__main__":
    main()
"""


def told(given: str, default: str = "None", **others: str) -> list[str]:
    source = TRAIN.replace("GIVEN", given).replace("DEFAULT", default)
    files: dict[str, str | bytes] = {"train.py": source}
    files |= {name.replace("_", "."): text for name, text in others.items()}
    return [hit.text for hit in run_query(codebase_of(files), "recording: progress").hits]


def test_a_tracker_named_to_an_accelerator_is_used() -> None:
    said = told("['tensorboard']")
    assert said[0] == "Progress is told by metrics with TensorBoard"
    assert "TensorBoard: `accelerate.Accelerator()` with `log_with=['tensorboard']` in `main()`" in said
    assert any("`init_trackers()` (1 call), `log()` (1 call) in `main()`" in text for text in said)
    assert said[-1].startswith("Not used: Weights & Biases, MLflow")


def test_a_tracker_is_read_from_the_default_of_its_option_and_from_settings() -> None:
    first = "Progress is told by metrics with Weights & Biases"
    assert told("args.report_to", "'wandb'")[0] == first
    assert told("cfg.report_to", set_yaml="report_to: wandb\n")[0] == first


def test_no_tracker_is_called_unused_when_the_choice_is_made_at_run_time() -> None:
    said = told("args.report_to")
    assert said[0] == "Progress is told by metrics with trackers chosen at run time"
    assert not any(text.startswith("Not used") for text in said)


def test_what_is_only_required_is_not_called_unused() -> None:
    said = told("None", requirements_txt="tensorboard==2.1\n")
    assert "Named, but no call of it was found: TensorBoard in `requirements.txt`" in said
    assert not any("TensorBoard" in text for text in said if text.startswith("Not used"))
    assert "Not used: Weights & Biases" in said[-1]
