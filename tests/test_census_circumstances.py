"""Census kinds about when and why: handlers, periods, notes about versions, running out of memory."""

from retrieval.census import run_query
from tests.source_tree import codebase_of


def texts(query: str, files: dict[str, str]) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


HANDLERS = """
    import atexit, logging, signal, sys
    import webdataset as wds
    from functools import partial

    def log_and_continue(exn):
        logging.warning("oops %r", exn)
        return True

    def seed(worker, base=0):
        random.seed(base + worker)

    def load(urls, handler=log_and_continue):
        def stop(number, frame):
            raise SystemExit(number)
        signal.signal(signal.SIGTERM, stop)
        DataLoader(urls, worker_init_fn=partial(seed, base=3))
        return wds.decode(urls, handler=handler), wds.map(lambda x: x, on_error=None)

    @app.errorhandler(404)
    def missing(error):
        return "no", 404

    atexit.register(lambda: print("bye"))
    sys.excepthook = log_and_continue
"""


def test_handlers_that_libraries_call_are_told_with_what_they_do() -> None:
    assert texts("handlers_passed", {"m.py": HANDLERS}) == [
        "`load()` takes `log_and_continue()` as the default of `handler`; `log_and_continue()` logs and returns `True`",
        "`load()` passes `load.stop()` as the handler for `signal.SIGTERM` to `signal.signal()`; "
        "`load.stop()` raises `SystemExit`",
        "`load()` passes `seed()` as `worker_init_fn` to `DataLoader()`; `seed()` calls `random.seed()`",
        "`load()` passes its parameter `handler` as `handler` to `wds.decode()`",
        "the top level of m.py registers `missing()` with `@app.errorhandler(404)`; `missing()` returns `('no', 404)`",
        'the top level of m.py passes the `lambda: print("bye")` as the handler to `atexit.register()`; '
        'the `lambda: print("bye")` gives `print("bye")`',
        "the top level of m.py sets `log_and_continue()` as `sys.excepthook`; "
        "`log_and_continue()` logs and returns `True`",
    ]


PERIODS = """
    import time

    def train(args, loader):
        for epoch in range(args.epochs):
            for i, batch in enumerate(loader):
                if (i + 1) % args.accum_freq > 0:
                    continue
                if args.log:
                    if i % 100 == 0:
                        log(batch)
            if epoch % args.save_every == 0 or epoch == args.epochs:
                save(epoch)
                if args.push:
                    push(epoch)
        if width % 32 != 0:
            pad(width)
        if epoch % 2:
            raise ValueError("odd")

    def watch(seconds):
        last = time.time()
        while True:
            poll()
            time.sleep(seconds)
            if time.time() - last > 60:
                last = 0
"""


def test_conditions_on_steps_and_time_say_what_they_decide() -> None:
    assert texts("periodic", {"m.py": PERIODS}) == [
        "`train()` goes on with the next round if `(i + 1) % args.accum_freq > 0`, "
        "for each `(i, batch)` of `enumerate(loader)`",
        "`train()` calls `log()` if `i % 100 == 0`, inside `if` `args.log`, "
        "for each `(i, batch)` of `enumerate(loader)`",
        "`train()` calls `save()` and under further conditions calls `push()` if `epoch % args.save_every == 0 or "
        "epoch == args.epochs`, for each `epoch` of `range(args.epochs)`",
        "`watch()` calls `poll()`, `time.time()` repeatedly while `True`, waiting "
        "`seconds` seconds with `time.sleep(seconds)`",
        "`watch()` sets `last = 0` if `time.time() - last > 60`, repeatedly while `True`",
    ]


def test_notes_about_versions_are_quoted_where_they_stand() -> None:
    source = """
        import torch  # see https://host/torch/2.0
        x = 1  # torch.compile requires PyTorch 2.0. It is fast.
        # position_ids are ignored
        # by transformers>=4.31
        add("--x", help="compile the model, requires torch >= 2.1 or later")
        name = "torch==2.0"
        size = "resize to 3.5 for the model"

        def f():
            \"\"\"Works around a bug.

            Not needed in version 1.12 of pytorch.
            \"\"\"
    """
    assert texts("version_notes", {"m.py": source, "conf.yaml": "a: 1  # needs CUDA 11.8\n"}) == [
        "comment in m.py beside `x = 1`: “torch.compile requires PyTorch 2.0.”",
        "comment in m.py: “position_ids are ignored by transformers>=4.31”",
        "message or help text at the top level of m.py: “compile the model, requires torch >= 2.1 or later”",
        "docstring of `f`: “Not needed in version 1.12 of pytorch.”",
        "comment in conf.yaml beside `a: 1`: “needs CUDA 11.8”",
    ]


OOM = """
    import torch

    def run(model, x):
        try:
            return model(x)
        except torch.cuda.OutOfMemoryError:
            return model(x.to("cpu"))

    def guarded(model, x):
        try:
            y = model.generate(x)
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            torch.cuda.empty_cache()

    def wide(model, x):
        try:
            model.to("cuda")
        except RuntimeError:
            y = None

    def other(path):
        try:
            model.load_state_dict(path)
        except RuntimeError:
            pass
"""


def test_running_out_of_memory_is_found_by_type_message_and_what_is_tried() -> None:
    found = run_query(codebase_of({"m.py": OOM}), "oom").hits
    assert [(hit.symbol, hit.detail["by"]) for hit in found] == [
        ("run", "type"),
        ("guarded", "message"),
        ("guarded", "compare"),
        ("wide", "wide"),
        ("guarded", "check"),
    ]
    assert found[0].text.endswith(
        '; its `try` calls `model()`; the handler calls `model()` again, with `return model(x.to("cpu"))`'
    )
    assert found[3].text.endswith(
        "; its `try` calls `model.to()`, and running out of GPU memory raises a `RuntimeError` too"
    )
