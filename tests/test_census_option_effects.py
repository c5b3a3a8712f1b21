"""Where options take effect: through `**`, fields of records, loops and names, and what only has an option's name."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

RUN = """
    import argparse
    from decode import load, transcribe

    def cli():
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", default="small")
        parser.add_argument("--beam-size", type=int)
        parser.add_argument("--threshold", type=float, default=0.5)
        parser.add_argument("--temperature", type=float, default=0)
        parser.add_argument("--output")
        args = parser.parse_args().__dict__
        name = args.pop("model")
        temperature = args.pop("temperature")
        temperature = tuple(range(temperature, 9))
        model = load(name)
        result = transcribe(model, "a.wav", temperature=temperature, **args)
        print(args["output"])
        open(args["output"], "w").write(result)

    if __name__ == "__main__":
        cli()
"""
DECODE = """
    from dataclasses import dataclass

    @dataclass
    class Options:
        beam_size: int = 1
        heat: float = 0.0

    def load(name):
        if name == "small":
            return {}
        return {"name": name}

    def transcribe(model, audio, *, temperature=0, threshold=0.5, **rest):
        if model is None:
            return ""
        for t in temperature:
            kwargs = {**rest}
            kwargs.pop("output", None)
            options = Options(**kwargs, heat=t)
            score = search(model, options)
            if threshold is not None and score > threshold:
                break
        return str(score)

    def search(model, options: Options):
        if options.beam_size > 1:
            return 2.0
        return 1.0 if options.heat == 0 else 3.0
"""
TYPER = """
    import typer
    from dataclasses import dataclass

    app = typer.Typer()

    @dataclass
    class Settings:
        do_ocr: bool = True

    @app.command()
    def convert(source: str, ocr: bool = typer.Option(True, "--ocr")):
        settings = Settings(do_ocr=ocr)
        work(settings)

    def work(settings: Settings):
        if settings.do_ocr:
            print("ocr")

    if __name__ == "__main__":
        app()
"""


def texts(codebase: Codebase, query: str) -> dict[str, str]:
    return {hit.name: hit.text for hit in run_query(codebase, query).hits}


def test_options_are_followed_to_what_tests_them() -> None:
    told = texts(codebase_of({"run.py": RUN, "decode.py": DECODE}), "option_effects")
    assert told["model"] == "`--model`: `load()` (decode.py) tests `name == 'small'`, works out `{'name': name}`"
    assert (
        told["beam_size"]
        == "`--beam-size` (as `Options.beam_size`): `search()` (decode.py) tests `options.beam_size > 1`"
    )
    assert (
        told["threshold"]
        == "`--threshold`: `transcribe()` (decode.py) tests `threshold is not None and score > threshold`"
    )
    assert told["temperature"].startswith(
        "`--temperature` (as `Options.heat`): `search()` (decode.py) chooses by `options.heat == 0`"
    )
    assert "`cli()` (run.py) gives it to `open()`" in told["output"]
    assert "print" not in told["output"]


def test_the_model_that_an_option_names_is_not_the_option() -> None:
    told = texts(codebase_of({"run.py": RUN, "decode.py": DECODE}), "option_ways")
    assert not any("`model` to `search`" in text for text in told.values())


def test_a_command_of_an_app_gives_its_parameters_to_a_record() -> None:
    codebase = codebase_of({"run.py": TYPER})
    ways = [hit.text for hit in run_query(codebase, "option_ways").hits]
    assert ways[0] == "`convert()` is a command: its 2 parameters are the options"
    assert "`convert()` gives `ocr` as `do_ocr` to `Settings()`" in ways
    assert texts(codebase, "option_effects")["ocr"] == (
        "`--ocr` (as `Settings.do_ocr`): `work()` (run.py) tests `settings.do_ocr`"
    )


def test_a_program_is_led_by_what_gets_most_of_its_options() -> None:
    codebase = codebase_of({"run.py": RUN, "decode.py": DECODE})
    (hit,) = run_query(codebase, "option_ways: what=lead").hits
    assert hit.text == (
        "`cli()` (run.py) parses with `parser.parse_args()` into `args`; it gives them to `transcribe()` "
        "(with `**` what is left when `model`, `temperature` are taken out)"
    )


def test_two_files_may_have_a_parser_of_one_name() -> None:
    program = """
        import argparse
        from work import work

        def parse_args():
            parser = argparse.ArgumentParser()
            parser.add_argument("--{0}")
            parser.add_argument("--{0}-size")
            return parser.parse_args()

        def main():
            args = parse_args()
            work(args.{0}, args.{0}_size)

        if __name__ == "__main__":
            main()
    """
    files = {f"{name}.py": program.replace("{0}", name) for name in ("one", "two")}
    codebase = codebase_of({**files, "work.py": "def work(a, b):\n    print(a, b)\n"})
    told = [hit.text for hit in run_query(codebase, "option_ways: what=lead").hits]
    assert told == [
        f"`main()` ({name}.py) takes the options from `parse_args()` into `args`; it gives them to `work()` "
        f"(`{name}`, `{name}_size`)"
        for name in ("one", "two")
    ]


def test_what_is_taken_out_before_options_are_spread_is_not_given_with_them() -> None:
    source = """
        import argparse

        def run(path, beam=1, depth=2):
            return path, beam, depth

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--beam")
            parser.add_argument("--folder")
            args = parser.parse_args().__dict__
            folder = args.pop("folder")
            return run(folder, **args)

        if __name__ == "__main__":
            main()
    """
    (lead,) = [hit.text for hit in run_query(codebase_of({"run.py": source}), "option_ways: what=lead").hits]
    assert "`run()` (with `**` what is left when `folder` is taken out)" in lead


KEPT = """
    import argparse

    class Loss:
        def __init__(self, local_loss=False, scale=None):
            self.local_loss = local_loss
            self.scale = scale or 1.0

        def forward(self, x):
            if self.local_loss:
                return x * self.scale
            return x

    parser = argparse.ArgumentParser()
    parser.add_argument("--local-loss", action="store_true")
    parser.add_argument("--opt", default="adamw")
    parser.add_argument("--speed", type=float)
    parser.add_argument("--device")
    args = parser.parse_args()
    config = {}
    speed = args.speed or config.get("speed", 1.0)

    def load(device):
        if device is None:
            device = "cpu"
        return open(device)

    def main():
        opt = getattr(args, "opt", "adamw").lower()
        if opt == "adamw":
            load(args.device)
        return Loss(local_loss=args.local_loss).forward(speed * 2)

    if __name__ == "__main__":
        main()
"""


def test_options_kept_in_objects_and_globals_are_followed_to_where_they_count() -> None:
    told = texts(codebase_of({"run.py": KEPT}), "option_effects")
    assert told["local_loss"] == "`--local-loss`: `Loss.forward()` (run.py) tests `self.local_loss`"
    assert told["opt"] == "`--opt`: `main()` (run.py) tests `opt == 'adamw'`"
    assert told["speed"].startswith("`--speed`: `main()` (run.py)")
    assert told["device"] == "`--device`: `load()` (run.py) tests `device is None`, gives it to `open()`"


def test_a_function_that_an_own_wrapper_gives_to_fire_has_its_parameters_as_options() -> None:
    run = "from wrap import start\n\n\ndef work(name='a', size: int = 3):\n    print(go(name, size))\n\n\n"
    run += "def go(name, size):\n    return name * size\n\n\nif __name__ == '__main__':\n    start(work)\n"
    wrap = "import fire\n\n\ndef start(component=None):\n    fire.Fire(component=component)\n"
    codebase = codebase_of({"wrap.py": wrap, "run.py": run})
    assert [hit.text for hit in run_query(codebase, "cli_options: of=programs").hits] == [
        "`--name` (default 'a') - of `work()`, by fire",
        "`--size` (type int; default 3) - of `work()`, by fire",
    ]
    (lead,) = run_query(codebase, "option_ways: what=lead").hits
    assert "is run by `start()`" in lead.text and "it gives them to `go()` (`name`, `size`)" in lead.text


def test_options_of_programs_that_measure_come_after_others() -> None:
    def program(flag: str) -> str:
        return f"import argparse\np = argparse.ArgumentParser()\np.add_argument('{flag}')\nprint(p.parse_args())\n"

    readme = "# A\n\n```\npython eval/score.py\npython run.py\n```\n"
    codebase = codebase_of({"README.md": readme, "eval/score.py": program("--metric"), "run.py": program("--photo")})
    assert [hit.name for hit in run_query(codebase, "cli_options: of=programs").hits] == ["--photo", "--metric"]


def test_fields_read_through_a_class_that_derives_from_the_record_lead_where_their_class_is_chosen() -> None:
    source = """
        import argparse
        from dataclasses import dataclass

        @dataclass
        class Options:
            do_ocr: bool = True

        @dataclass
        class QueueOptions(Options):
            size: int = 4

        class Base:
            def run(self):
                raise NotImplementedError

        class Old(Base):
            def __init__(self, options: Options):
                self.options = options

            def run(self):
                return old(enabled=self.options.do_ocr)

        class New(Base):
            def __init__(self, options: QueueOptions):
                self.options: QueueOptions = options

            def run(self):
                return new(enabled=self.options.do_ocr)

        KIND = {"pdf": New}

        def old(enabled): ...
        def new(enabled): ...

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--do-ocr", action="store_true")
            args = parser.parse_args()
            options = Options(do_ocr=args.do_ocr)
            KIND["pdf"](options).run()

        if __name__ == "__main__":
            main()
    """
    [hit] = run_query(codebase_of({"app.py": source}), "option_effects").hits
    new, old = hit.text.find("`New.run()` (app.py) gives it to `new()`"), hit.text.find("`Old.run()`")
    assert 0 < new < old, hit.text


WRITERS = """
    import argparse

    class Writer:
        def __call__(self, result, options=None, **kwargs):
            self.write_result(result, options=options, **kwargs)

        def write_result(self, result, options=None, **kwargs):
            raise NotImplementedError

    class Lines(Writer):
        def write_result(self, result, options=None, *, width=None, **kwargs):
            if width is not None and len(result) > width:
                print(result[:width])

    class Marks(Writer):
        def write_result(self, result, options=None, *, marked=False, **kwargs):
            if marked:
                print("*", result)

    def get_writer(kind):
        writers = {"lines": Lines, "marks": Marks}
        return writers[kind]()

    def transcribe(audio, *, beam=1, **options):
        return audio * beam if beam > 1 else audio

    def cli():
        parser = argparse.ArgumentParser()
        parser.add_argument("--audio")
        parser.add_argument("--beam", type=int, default=1)
        parser.add_argument("--kind", default="lines")
        parser.add_argument("--width", type=int)
        parser.add_argument("--marked", type=bool, default=False)
        args = parser.parse_args().__dict__
        writer = get_writer(args.pop("kind"))
        names = ["width", "marked"]
        told = {name: args.pop(name) for name in names}
        result = transcribe(args.pop("audio"), **args)
        writer(result, **told)

    if __name__ == "__main__":
        cli()
"""


def test_options_taken_out_by_a_comprehension_act_in_the_object_that_is_called() -> None:
    codebase = codebase_of({"run.py": WRITERS})
    effects = {hit.name: hit.text for hit in run_query(codebase, "option_effects").hits}
    assert "`Lines.write_result()` (run.py)" in effects["width"]
    assert "`Marks.write_result()` (run.py) tests `marked`" in effects["marked"]
    assert "write_result" not in effects["beam"]
    lead = run_query(codebase, "option_ways: what=lead").hits[0].text
    assert "what is left when `kind`, `width`, `marked`, `audio` are taken out" in lead
    assert "`writer()` (`width`, `marked`)" in lead


OVERRULED = """
    import argparse
    from work import Runner

    def parse():
        parser = argparse.ArgumentParser()
        parser.add_argument("--device", default="cuda:0")
        parser.add_argument("--port", type=int, default=80)
        parser.add_argument("--size", type=int, default=4)
        parser.add_argument("--flip-all", action="store_true")
        return parser.parse_args()

    args = parse()
    if args.size < 1:
        args.size = 1
    args.port = 8080
    args.device = "cuda:3"
    Runner(args).serve(args.port)
"""
WORK = """
    class Runner:
        def __init__(self, args):
            self.args = args
            if args.device != "cpu":
                print(args.size * 2)
        def serve(self, port):
            open(port)
"""


def test_options_that_the_code_overrules_or_never_reads_change_nothing() -> None:
    codebase = codebase_of({"run.py": OVERRULED, "work.py": WORK})
    overruled, unread = (hit.text for hit in run_query(codebase, "idle_options").hits)
    assert overruled.startswith(
        "What is given with `--port` (`8080`, run.py:15), `--device` (`'cuda:3'`, run.py:16) has"
    )
    assert unread.startswith("No Python code of the repository reads `--flip-all`:")
    effects = texts(codebase, "option_effects")
    assert effects["device"].endswith("sets it to `'cuda:3'` itself, so that what is given has no effect there")
    assert "args.size < 1" in effects["size"]
    lead = run_query(codebase, "option_ways: what=lead").hits
    assert all("sets `port` to `8080`, `device` to `'cuda:3'` itself" in hit.text for hit in lead)


def test_scripts_without_a_command_line_are_controlled_by_values_at_their_top() -> None:
    script = (
        "PROMPT = 'car.'\nLIMIT = 0.35\nDEVICE = 'cuda' if PROMPT else 'cpu'\nIDLE = 3\nprint(PROMPT, LIMIT, DEVICE)\n"
    )
    files = {
        "README.md": "Run `python demo.py` or `python run.py`.\n",
        "demo.py": script,
        "run.py": RUN,
        "decode.py": DECODE,
    }
    (hit,) = run_query(codebase_of(files), "script_settings").hits
    assert hit.text == (
        "1 program without a command line is controlled by values that stand at the top of the file and are changed "
        "there: demo.py (`PROMPT = 'car.'`, `LIMIT = 0.35`, `DEVICE = 'cuda' if PROMPT else 'cpu'`)"
    )
