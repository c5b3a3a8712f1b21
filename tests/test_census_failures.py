"""What the census says of failures: kinds of handlers, retries, ends of programs, handlers around model calls."""

import pytest

from retrieval.census import run_query
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from tests.source_tree import codebase_of

HANDLERS = """
    from contextlib import suppress
    try:
        import triton
    except ImportError:
        triton = None

    def run(paths):
        for path in paths:
            try:
                work(path)
            except Exception as error:
                print("Skipping", path)
        for attempt in range(3):
            try:
                return work(paths)
            except OSError:
                pass
        with suppress(KeyError):
            del paths[0]
    """
RETRIES = """
    import requests, hashlib, os, urllib.request
    from tenacity import retry
    from urllib3.util.retry import Retry

    @retry(reraise=True)
    def decorated(): go()

    def attempts():
        for attempt in range(3):
            answer = requests.get(url)
            if answer.ok:
                return answer

    def settings(model, x):
        for t in (0, 0.5):
            options = Options(temperature=t)
            out = model.decode(x, options)
            poor = False
            if out.score < 0.5:
                poor = True
            if not poor:
                break
        return out

    def counted():
        tries = 0
        while tries < 3:
            done = upload(path)
            if not done:
                tries += 1
                continue
            break

    def fetch(target):
        if os.path.isfile(target):
            if hashlib.md5(read(target)).hexdigest() == expected:
                return target
        urllib.request.urlretrieve(url, target)

    def handled(x):
        try:
            return call(x)
        except OSError:
            reset()
            return call(x)

    client = Client(max_retries=5, retries=Retry(total=3))
    off = Client(max_retries=0)
    """
NO_RETRIES = """
    def search(lines):
        for line in lines:
            m = PATTERN.match(line)
            if m:
                break
        return m

    def look(keys):
        for key in keys:
            hit = table.find(name, key=key)
            if hit is not None:
                break
        return hit

    def converge(x):
        for i in range(100):
            new = step(x)
            if abs(new - x) < eps:
                break
            x = new
        return x

    def generate(model, tokens):
        for i in range(100):
            token = model(tokens).argmax()
            tokens = cat([tokens, token])
            if token == eot:
                break
        return tokens

    def pages(token):
        while True:
            page = fetch(token)
            token = page.next
            if not token:
                break

    def verify(path):
        if sha256(path) != expected:
            raise ValueError
        return path
    """
PROGRAM = """
    import argparse, sys
    import torch

    class Net(torch.nn.Module):
        def forward(self, x): return x

    def infer(net: Net, x):
        return net(x)

    def loose(net: Net, x):
        return net(x)

    def batch(net: Net, xs):
        for x in xs:
            try:
                infer(net, x)
            except RuntimeError:
                continue

    def load(path):
        if not path:
            sys.exit("no path")
        try:
            return torch.load(path)
        except OSError:
            sys.exit(0)

    def main():
        parser = argparse.ArgumentParser()
        args = parser.parse_args()
        if args.bad:
            parser.error("bad")
        load(args.path)
        batch(Net(), args.xs)
        sys.exit()

    if __name__ == "__main__":
        sys.exit(main())
    """


def hits(query: str, source: str | dict[str, str | bytes]) -> list[CensusHit]:
    files = source if isinstance(source, dict) else {"app.py": source}
    return list(run_query(codebase_of(files), query).hits)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("catches: what=import_guard", [4]),
        ("catches: what=skip", [11]),
        ("catches: what=retry|skip", [11, 16]),
        ("catches: what=!import_guard", [11, 16, 18]),
        ("catches: what=!import_guard|swallow", [11, 16]),
        ("catches: Exception, what=retry", []),
    ],
)
def test_handlers_are_asked_for_by_kind(query: str, lines: list[int]) -> None:
    assert [hit.start for hit in hits(query, HANDLERS)] == lines


def test_an_unknown_kind_of_handler_is_refused() -> None:
    with pytest.raises(QueryError, match="unknown kind of handler 'skipped'"):
        hits("catches: what=skipped", HANDLERS)


def test_a_handler_of_a_loop_tells_the_whole_story() -> None:
    (hit,) = hits("catches: what=skip", HANDLERS)
    assert hit.text == (
        "`except Exception` in `run` (covers `work()`): prints “Skipping”, "
        "then goes on with the next `path` (skips this one)"
    )


def test_what_is_done_again_is_told_with_its_reason() -> None:
    assert [(hit.detail["how"], hit.text) for hit in hits("retries", RETRIES)] == [
        ("decorator", "`decorated()` is tried again by its decorator `@retry(reraise=True)`"),
        ("loop", "`attempts()` repeats `requests.get()` for each `attempt in range(3)` until `answer.ok` is true"),
        (
            "loop",
            "`settings()` repeats `model.decode()` for each `t in (0, 0.5)` until `poor` is false "
            "(`poor` becomes True when `out.score < 0.5`); the last result is kept when none passes",
        ),
        ("loop", "`counted()` repeats `upload()` while `tries < 3` until `done` is true"),
        (
            "check",
            "`fetch()` downloads again with `urllib.request.urlretrieve()` when the file at hand fails the check "
            "`hashlib.md5(read(target)).hexdigest() == expected`",
        ),
        (
            "handler",
            "`handled()` repeats `call()` after `OSError`: calls `reset()` and returns `call(x)`, "
            "so `call()` is called again",
        ),
        ("setting", "the top level of app.py passes `max_retries=5` to `Client()`"),
        ("library", "the top level of app.py sets up retries with `Retry(total=3)`"),
    ]


def test_a_retrying_handler_spans_its_loop() -> None:
    (hit,) = hits("retries: handler", HANDLERS)
    assert (hit.start, hit.end) == (13, 17)
    assert hit.text.endswith("after `OSError`: swallows it, then tries again (`for attempt in range(3)`)")


def test_searches_iterations_and_checks_are_no_retries() -> None:
    assert hits("retries", NO_RETRIES) == []


def test_ends_of_the_program_are_told_with_their_conditions() -> None:
    assert [(hit.start, hit.text) for hit in hits("aborts", PROGRAM)] == [
        (22, '`sys.exit("no path")` in `load()` ends the program only if `not path`'),
        (26, "`sys.exit(0)` in `load()` ends the program only if `OSError` is caught"),
        (
            28,
            "`main()`, which `app.py` runs, has no `try` around its calls: "
            "an exception that `load()`, `Net()`, `batch()` let out ends the run",
        ),
        (32, '`parser.error("bad")` in `main()` ends the program with a usage error only if `args.bad`'),
    ]


def test_a_program_whose_calls_all_stand_in_a_try_is_not_ended_by_them() -> None:
    source = "def main():\n  try: work()\n  except Exception: pass\ndef work(): pass\nif __name__ == '__main__': main()"
    assert hits("aborts", source) == []
    assert len(hits("aborts", source.replace("pass\ndef", "raise\ndef"))) == 1
    assert len(hits("aborts", source.replace("Exception", "KeyboardInterrupt"))) == 1


def test_model_calls_meet_the_handlers_of_their_callers() -> None:
    assert [(hit.symbol, hit.detail["covered"], hit.text) for hit in hits("unhandled_model_calls", PROGRAM)] == [
        (
            "infer",
            "callers",
            "`net(x)` in `infer()` has no `try` there; `batch()` catches its errors around `infer()` with "
            "`except RuntimeError` (swallows it, then goes on with the next `x` (skips this one)); "
            "any other caller of `infer()` gets the exception",
        ),
        (
            "loose",
            "open",
            "`net(x)` in `loose()` has no `try` there; "
            "no caller in the repository is known, so an error goes to whoever calls it",
        ),
    ]
    assert [hit.symbol for hit in hits("unhandled_model_calls: covered=open", PROGRAM)] == ["loose"]


SEEMINGLY = """
import queue
import subprocess


def report(text):
    print(text)


def build(code, message):
    return {"code": code, "message": message}


class Answer:
    def __init__(self, code):
        self.code = code


def steps(job, boxes):
    try:
        report("begins the job")
        job.run()
    except Exception as error:
        report(f"failed: {error}")


def serve(job):
    try:
        return Answer(job.run())
    except Exception:
        return Answer(500)


def poll(process):
    while process.poll() is None:
        try:
            process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            continue


def stamp(server, now):
    try:
        server.ping()
        server.checked = now()
    except Exception:
        server.checked = now()
"""


def test_messages_answers_polls_and_time_stamps_are_no_retries() -> None:
    assert hits("retries", SEEMINGLY) == []


OVERFLOW = """
import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x


def infer(model, x):
    try:
        return model(x)
    except Exception:  # out of memory on small cards
        return None


def plain():
    torch.cuda.empty_cache()


def crop(frames, detect):
    for frame in frames:
        faces = detect.get(frame)
        if len(faces) == 0:
            print("no face")
            continue


if __name__ == "__main__":
    infer(Net(), 1)
    plain()
    crop([], None)
"""


def test_clearing_a_cache_is_no_handler_and_a_comment_tells_what_a_handler_is_for() -> None:
    assert [hit.symbol for hit in hits("oom: type, message, comment, compare", OVERFLOW)] == ["infer"]
    said = [hit.text for hit in hits("failing: errors", OVERFLOW)]
    assert said[0].startswith("GPU memory overflows are handled in `infer()`")
    assert said[1] == "`except Exception` in `infer`, around `model()`: returns `None`"


def test_what_a_failed_step_does_is_told_in_sentences() -> None:
    said = [hit.text for hit in hits("failing: course", OVERFLOW)]
    assert said[0].startswith("A failed model run is answered with what the handler ")
    assert said[1] == "An error in a model run: `except Exception` in `infer`, around `model()`: returns `None`"
    assert "In all, failures in what the main programs run are replaced by another way or value in `infer()`" in said
    assert any(
        text.startswith("Items that fail a check are left out: `crop()` tests `len(faces) == 0`") for text in said
    )


def test_a_finally_is_told_with_what_it_does() -> None:
    source = "def run(job):\n    try:\n        job.go()\n    finally:\n        job.close()\n        job.done = True\n"
    assert [hit.text for hit in hits("cleanups", source)] == ["`run()` calls `job.close()`, sets `job.done`"]


DEMO: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import tables
        if __name__ == "__main__":
            tables.sort()
    """,
    "tables.py": "def sort(): return sorted([])\n",
    "examples/show.py": """
        import torch
        from torch import nn

        MODEL = None

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(2, 2)
            def forward(self, x, slow=False): return self.first(x)

        def load():
            global MODEL
            del MODEL
            MODEL = Net().to("cuda")

        def answer(x):
            load()
            try:
                return MODEL(x)
            except RuntimeError as error:
                raise ValueError(str(error))

        def careful(x):
            left = 2
            while left:
                left -= 1
                try:
                    return MODEL(x, slow=not left)
                except RuntimeError:
                    pass

        answer(1)
        careful(1)
    """,
}


def test_what_only_a_demo_does_is_told_and_not_denied() -> None:
    said = [hit.text for hit in hits("failing: errors", DEMO)]
    assert said[0].startswith("GPU memory overflows have no handling of their own: ")
    assert said[0].endswith("they come to the broad handlers in `answer()`, `careful()`")
    assert said[1].startswith("`except RuntimeError` in `answer`, around `MODEL()`: raises `ValueError`")
    assert "what another round changes: `slow=not left`" in said[2]
    for answer in ("unloading", "moving"):
        [text] = [hit.text for hit in hits(f"memory_answers: {answer}", DEMO)]
        assert "only in code that the main programs are not seen to run" in text
        assert "`load()` in examples/show.py" in text


AGAIN = """
    import spacy

    def read(text):
        for name in ["a", "b"]:
            try:
                return float(text[name])
            except (ValueError, TypeError):
                pass
        return None

    def draw(engine, picture):
        def plain():
            picture.text = "x"
        try:
            image = engine.render(picture)
            if not image:
                plain()
        except Exception:
            plain()

    def watch(task):
        while True:
            if stop_requested(task):
                break
            work(task)

    def stop_requested(task): return task.stop
    def work(task): return task

    def load(name):
        try:
            return spacy.load(name)
        except OSError:
            spacy.cli.download(name)
            return spacy.load(name)
"""


def test_a_fallback_a_next_spelling_and_a_question_for_the_end_are_no_retries() -> None:
    assert [hit.symbol for hit in hits("retries", AGAIN)] == ["load"]


STAGES: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Base:
            def __call__(self, x): raise NotImplementedError

        class Layout(Base):
            def __init__(self): self.net = Net()
            def __call__(self, x): return self.net(x)

        def make(name) -> Base:
            return {"layout": Layout}[name]()

        class Stage:
            def __init__(self, model): self.model = model
            def work(self, item):
                try:
                    item.value = self.model(item.value)
                except Exception as error:
                    item.is_failed = True
                return item

        class Pipeline:
            def __init__(self):
                self.layout = make("layout")
                self.stage = Stage(model=self.layout)
            def run(self, items):
                done = [self.stage.work(item) for item in items if not item.is_failed]
                return done

        if __name__ == "__main__":
            print(Pipeline().run([]))
    """,
}


def test_a_stage_catches_the_errors_of_the_model_that_it_was_made_with() -> None:
    [call] = [hit.text for hit in hits("unhandled_model_calls", STAGES) if hit.symbol == "Layout.__call__"]
    assert "`Stage.work()` catches its errors around `self.model()` with `except Exception`" in call
    said = [hit.text for hit in hits("failing: course", STAGES)]
    assert said[1].startswith(
        "An error in a model run: `except Exception` in `Stage.work`, around `self.model()`: sets"
    )
    assert "; the mark `is_failed` is tested by `Pipeline.run()`" in said[1]


RESIZE = """
        class Resize(Base):
            def __call__(self, x): return x

        class First(Stage):
            def __init__(self, model): super().__init__(model)
            def work(self, item):
                try:
                    item.value = self.model(item.value)
                except Exception as error:
                    item.is_failed = True
                return item

        class Pipeline:
            def __init__(self):
                self.first = First(Resize())
"""


def test_a_stage_is_told_of_the_models_that_its_own_objects_are_made_with() -> None:
    source = str(STAGES["app.py"])
    changed = source.replace("        class Pipeline:\n            def __init__(self):\n", RESIZE)
    assert changed != source
    said = [hit.text for hit in hits("failing: errors", STAGES | {"app.py": changed})]
    assert said[0].endswith("they come to the broad handlers in `Stage.work()`")


COMMAND: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        from torch import nn
        from kernels import median_cuda

        class Net(nn.Module):
            def forward(self, x): return x

        def load(): return Net()

        def smooth(x):
            try:
                return median_cuda(x)
            except RuntimeError:
                return sorted(x)

        def check(x):
            if not x:
                return TypeError("no input")
            return x

        def captions(net, images):
            try:
                yield from [net(smooth(check(image))) for image in images]
            except Exception:
                for _ in images:
                    yield ""

        def main(paths):
            net = load()
            for path in paths:
                try:
                    print(list(captions(net, path)))
                    clean(path)
                except Exception as error:
                    print("Skipping", path)
            for path in paths:
                try:
                    clean(path)
                except OSError:
                    pass
            clean(paths)

        def clean(path): pass

        if __name__ == "__main__":
            main([])
    """,
    "kernels.py": "def median_cuda(x): return x.cuda().median()\n",
}


def test_what_stands_outside_a_try_and_errors_that_are_returned_are_told() -> None:
    said = [hit.text for hit in hits("failing: errors", COMMAND)]
    assert '`except Exception` in `captions`, around `net()`: yields `""`, then `captions()` ends' in said
    assert any(
        "an overflow, which is a `RuntimeError`, is caught too: `except RuntimeError` in `smooth`" in s for s in said
    )
    assert any(s.startswith("`load()`, which loads the model, stands outside the `try` of `main()`") for s in said)
    assert "`check()` returns a `TypeError` instead of raising it: the caller gets it as a result" in said
    [end] = [hit.text for hit in hits("aborts", COMMAND)]
    assert "`list()`" not in end
    assert "stand in a `try` that goes on after an error: an exception that `load()`, `clean()` let out" in end


HOSTED: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import openai
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Holder:
            def __init__(self): self.reader = Net()
            def read(self, x): return self.reader(x)

        def ask(client, text):
            try:
                return client.chat.completions.create(model="m", messages=text)
            except Exception:
                return None

        def convert(holder, x):
            try:
                return holder.read(x)
            except Exception as error:
                print(error)

        if __name__ == "__main__":
            ask(openai.OpenAI(), "a")
            convert(Holder(), 1)
    """,
}


def test_handlers_around_runs_that_objects_are_traced_to_come_before_those_of_hosted_models() -> None:
    said = [hit.text for hit in hits("failing: errors", HOSTED)]
    assert said[0].endswith("they come to the broad handlers in `convert()`, `ask()`")
    assert said[1].startswith("`except Exception` in `convert`, around `holder.read()`: prints")


SAVED = """
    from transformers import AutoModel

    net = AutoModel.from_pretrained("a/b")

    def infer(x):
        return net(x)

    def safe(paths):
        for path in paths:
            try:
                infer(path)
            except Exception as error:
                print(error)

    def plain(paths):
        return [infer(path) for path in paths]

    if __name__ == "__main__":
        START
"""


def test_the_programs_that_no_handler_saves_are_named() -> None:
    plain = hits("unhandled_model_calls", SAVED.replace("START", "safe([1]); plain([2])"))
    assert [(hit.detail["covered"], hit.detail["through"]) for hit in plain] == [("callers", "app.py")]
    safe = hits("unhandled_model_calls", SAVED.replace("START", "safe([1])"))
    assert [(hit.detail["covered"], hit.detail["through"]) for hit in safe] == [("callers", "")]
