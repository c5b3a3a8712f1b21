"""Census kinds about what steers a program: options of classes, variables of the environment, settings, schedules."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

TYRO = '''
from dataclasses import dataclass
from typing import Annotated
import tyro

@dataclass
class Base:
    seed: int = 0  # the random seed

@dataclass
class Arguments(Base):
    source: Annotated[str, tyro.conf.arg(aliases=["-s"])] = "a.png"  # path of the source
    flag_half: bool = True
    """compute in half precision"""

@dataclass
class Inference:
    flag_half: bool = True

def fill(target, values):
    return target(**{k: v for k, v in values.items() if hasattr(target, k)})

class Pipe:
    def __init__(self, cfg):
        self.cfg = cfg

    def run(self):
        return self.cfg.flag_half

def main():
    args = tyro.cli(Arguments)
    cfg = fill(Inference, vars(args))
    Pipe(cfg=args).run()
    print(args.source)

if __name__ == "__main__":
    main()
'''


def texts(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_fields_of_a_class_become_options_with_default_and_comment() -> None:
    found = texts({"run.py": TYRO}, "cli_options")
    assert "`--seed` (type int; default 0): the random seed" in found
    assert "`--source, -s` (type str; default 'a.png'): path of the source" in found
    assert "`--flag-half` (type bool; default True): compute in half precision" in found
    assert len(found) == 3


def test_subcommands_positions_and_computed_options_are_words_of_the_command_line() -> None:
    source = """
    import argparse, sys
    device = sys.argv[1]
    main(sys.argv[1:])
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    commands.add_parser("train", help="train a model")
    for name in FIELDS:
        parser.add_argument("--" + name)
    parser.parse_args()
    """
    found = texts({"run.py": source}, "cli_options")
    assert "sub-command `train`: train a model" in found
    assert "the command line's position 1 (`sys.argv[1]`), kept as `device`" in found
    assert not any("[1:]" in text for text in found)
    assert any("one for each `name` of `FIELDS`" in text for text in found)


def test_help_is_looked_up_in_a_table_of_messages() -> None:
    files: dict[str, str | bytes] = {
        "words.py": 'LOCALES = {"en": {"help": {"model": "choose the model"}}}\n',
        "run.py": """
        import argparse, words
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", help=words.get("help.model"))
        parser.parse_args()
        """,
    }
    assert texts(files, "cli_options") == ["`--model`: choose the model"]


def test_parsers_that_only_the_code_fills_are_options_of_others() -> None:
    source = """
    import argparse
    def init():
        parser = argparse.ArgumentParser()
        parser.add_argument("--inner")
        return parser
    class Engine:
        def __init__(self, *args):
            self.options = init().parse_args([])
    """
    assert texts({"run.py": source}, "cli_options: of=programs") == []
    assert texts({"run.py": source}, "cli_options: of=others") == ["`--inner`"]


def test_options_are_followed_into_the_functions_that_are_given_them() -> None:
    found = texts({"run.py": TYRO}, "option_ways")
    assert found[0] == "`main()` parses with `tyro.cli()` into `args`"
    assert "`main()` gives `vars(args)` to `fill(Inference, …)`" in found
    assert "`main()` gives `args` as `cfg` to `Pipe()`" in found
    assert any(text.startswith("`main()` reads `source`") for text in found)


def test_a_variable_of_the_environment_is_told_with_default_and_users() -> None:
    source = """
    import os
    SMALL = os.environ.get("USE_SMALL", "0") == "1"
    def load():
        return "small" if SMALL else "large"
    os.environ["OMP"] = "1"
    """
    found = texts({"run.py": source}, "environment")
    assert "`USE_SMALL` (default `'0'`): read by the top level of run.py into `SMALL`, which `load()` read" in found
    assert "`OMP`: set by the top level of run.py to `'1'`" in found


def test_settings_classes_and_saved_settings() -> None:
    files: dict[str, str | bytes] = {
        "settings.py": """
        from pydantic_settings import BaseSettings, SettingsConfigDict
        class Settings(BaseSettings):
            model_config = SettingsConfigDict(yaml_file="basic.yaml", env_prefix="APP_")
            device: str = "cuda"
        settings = Settings()
        """,
        "state.py": """
        import json
        import globals_
        def save():
            with open("state.json", "w") as f:
                json.dump({}, f)
        def load():
            with open("state.json") as f:
                state = json.load(f)
            globals_.a = state.get("a", 1)
            globals_.b = state.get("b", 1)
            globals_.c = state["c"]
        """,
        "use.py": "from settings import settings\ndef go():\n    return settings.device\n",
    }
    found = texts(files, "settings")
    told = next(text for text in found if "settings class" in text)
    assert "yaml file `'basic.yaml'`" in told and "env prefix `'APP_'`" in told
    assert "`device = 'cuda'`" in told and "read by `go()`" in told
    assert "each field is also an environment variable of its name behind the prefix" in told
    saved = next(text for text in found if text.startswith("`load()` loads `state.json`"))
    assert "`globals_.c`" in saved and "`save()` writes it" in saved


def test_entries_of_configuration_files_and_their_readers() -> None:
    files: dict[str, str | bytes] = {
        "configs/run.yaml": "model:\n  arch: big\n  frames: 8\n",
        "configs/tool.ini": "[a]\nunused = 1\n",
        "mypy.ini": "[mypy]\nstrict = true\n",
        "use.py": 'def build(cfg):\n    cfg.items()\n    return cfg.get("frames", 4), cfg.arch\n',
    }
    values = texts(files, "config_values")
    assert "`configs/run.yaml`: `model.arch = big`, `model.frames = 8`" in values
    assert len(values) == 2
    assert texts(files, "config_reads: known=yes") == ["`build()` reads `frames` (default `4`), `arch` of `cfg`"]


def test_schedules_are_queues_states_semaphores_and_choices_not_dates() -> None:
    source = """
    import asyncio, collections, datetime
    class Manager:
        def __init__(self):
            self.queue = asyncio.Queue(maxsize=4)
            self.gate = asyncio.Semaphore(2)
            self.kept = collections.OrderedDict()
        async def submit(self, job):
            job.status = "queued"
            await self.queue.put(job)
        async def run_jobs(self):
            job = await self.queue.get()
            async with self.gate:
                job.status = "completed" if job.ok else "failed"
        def pick(self, workers):
            return min(workers, key=lambda worker: worker.pending)
        def add(self, key, value):
            self.kept.popitem(last=False)
    def late(day):
        return day > datetime.date(2020, 1, 1)
    """
    found = texts({"jobs.py": source}, "scheduling")
    assert any("at most `4` waiting" in t and "filled by `Manager.submit()`" in t for t in found)
    assert any("lets `2` in at a time" in t and "`Manager.run_jobs()` waits" in t for t in found)
    assert any("states `queued`, `completed`, `failed`" in t for t in found)
    assert any(t.startswith("`Manager.pick()` chooses") for t in found)
    assert any("drops the oldest entry of `self.kept`" in t for t in found)
    assert len(found) == 5


def test_a_loop_over_written_names_reads_each_of_these_variables() -> None:
    source = """
    import os

    def rank():
        for v in ("RANK", "PMI_RANK"):
            if v in os.environ:
                return int(os.environ[v])
        names = ["A_PORT", "B_PORT"]
        return all(name in os.environ for name in names) and os.environ[other]
    """
    found = [hit.name for hit in run_query(codebase_of({"run.py": source}), "environment").hits]
    assert sorted(found) == ["A_PORT", "B_PORT", "PMI_RANK", "RANK", "other"]


def test_a_hidden_file_that_no_code_names_steers_tools() -> None:
    files: dict[str, str | bytes] = {
        ".checker.yml": "exclude:\n  - docs\n",
        ".run.yml": "device: cpu\n",
        "run.py": "import yaml\ndef main():\n    return yaml.safe_load(open('.run.yml'))\n",
    }
    found = "\n".join(texts(files, "configs: what=config"))
    assert ".run.yml" in found and ".checker.yml" not in found
