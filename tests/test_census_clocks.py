"""Census kinds `clocks`, `stop_flags` and `queues`: what begins, ends or holds back model work beside the calls."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import NET, codebase_of
from tests.test_census_order import NETS


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


SERVER = """
    import argparse
    import queue
    import threading
    import time

    from net import Net

    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=int, default=5)
    args = parser.parse_args()


    class Holder:
        def __init__(self):
            self.model = Net()
            self.last = time.time()
            self.patience = 900
            self.stopped = False
            self.plain = False
            self.wait = 0.5

        def idle(self):
            return time.time() - self.last > self.patience

        def watch(self):
            while True:
                if self.idle():
                    self.unload()
                time.sleep(60)

        def unload(self):
            self.model = None

        def stop(self):
            self.stopped = True
            self.plain = True

        def answer(self, x):
            if self.stopped:
                return None
            if self.plain:
                return self.model(x)
            rest = self.wait - (time.time() - self.last)
            if rest > 0:
                return None
            begun = time.time()
            out = self.model(x)
            if time.time() - begun > 1:
                print("slow")
            return out


    def pictures(holder, x):
        steps = queue.Queue()

        def run():
            steps.put(1)
            return holder.answer(x)

        threading.Thread(target=run).start()
        step = steps.get()
        print(step)
        return holder.answer(x)


    def work(holder):
        jobs = queue.Queue()
        jobs.put(3)
        item = jobs.get()
        return holder.answer(item)


    def main():
        holder = Holder()
        if args.idle > 0:
            threading.Thread(target=holder.watch).start()
        holder.stop()
        pictures(holder, 3)
        work(holder)


    if __name__ == "__main__":
        main()
"""


def test_a_watcher_is_told_with_what_it_asks_and_what_starts_it() -> None:
    assert texts(codebase_of({"net.py": NET, "server.py": SERVER}), "clocks: watch") == [
        "`Holder.watch()` (a thread that `main()` starts, only if `args.idle > 0`) looks every `60` seconds and calls "
        "`self.unload()` if `self.idle()` (that is `time.time() - self.last > self.patience` (by default "
        "`self.patience` is 900))"
    ]


def test_elapsed_time_counts_where_it_decides_and_not_where_it_is_measured() -> None:
    assert texts(codebase_of({"net.py": NET, "server.py": SERVER}), "clocks: elapsed") == [
        "`Holder.answer()` returns if `rest > 0` (`rest` is `self.wait - (time.time() - self.last)`)"
    ]


def test_a_flag_of_another_function_ends_a_model_run() -> None:
    assert texts(codebase_of({"net.py": NET, "server.py": SERVER}), "stop_flags") == [
        "`Holder.answer()` ends if `self.stopped`; `self.stopped` is set by `Holder.stop()`"
    ]


def test_a_set_of_what_shall_stop_is_a_flag_too_under_the_name_that_the_worker_knows_it_by() -> None:
    worker = """
        import time
        from net import Net

        class Worker:
            def __init__(self, model, stopped_jobs):
                self.model = model
                self._stopped_jobs = stopped_jobs
                self.seen = set()

            def work(self, jobs):
                done = []
                for job in jobs:
                    if job in self._stopped_jobs:
                        continue
                    if job in self.seen:
                        continue
                    done.append(self.model(job))
                return done

            def note(self, job):
                self.seen.add(job)

        class Course:
            def __init__(self):
                self.stopped_jobs = set()

            def watch(self, job):
                self.stopped_jobs.add(job)

        def main():
            course = Course()
            worker = Worker(Net(), course.stopped_jobs)
            course.watch(1)
            worker.note(2)
            print(worker.work([1, 2]))

        if __name__ == "__main__":
            main()
    """
    assert texts(codebase_of({"net.py": NET, "run.py": worker}), "stop_flags") == [
        "`Worker.work()` skips the round if `job in self._stopped_jobs`; "
        "`self._stopped_jobs` is filled by `Course.watch()`"
    ]


def test_models_run_out_of_a_queue_only_where_what_comes_out_reaches_them() -> None:
    found = {
        hit.name: hit.detail["model"]
        for hit in run_query(codebase_of({"net.py": NET, "server.py": SERVER}), "queues").hits
    }
    assert found == {"steps": "no", "jobs": "yes"}


def test_a_pool_runs_models_only_if_it_is_given_what_does() -> None:
    code = """
        from concurrent.futures import ThreadPoolExecutor
        from nets import big

        def infer(x):
            return big("a")(x)

        def count(text):
            return len(text)

        def words(texts):
            infer(texts)
            with ThreadPoolExecutor(4) as pool:
                return list(pool.map(count, texts))

        def pictures(items):
            with ThreadPoolExecutor(2) as pool:
                return list(pool.map(infer, items))

        words(["a"])
        pictures([1])
    """
    found = texts(codebase_of({"nets.py": NETS, "run.py": code}), "scheduling: pool, model=yes")
    assert len(found) == 1 and "`pictures()`" in found[0]


def test_a_flag_that_chooses_the_form_of_a_result_holds_nothing_back() -> None:
    form = SERVER.replace(
        "if self.stopped:\n                return None", "if self.stopped:\n                return {'x': x}"
    )
    assert form != SERVER and not texts(codebase_of({"net.py": NET, "server.py": form}), "stop_flags")


def test_time_that_adds_up_ends_the_rounds_of_an_object_whose_worker_runs_the_model() -> None:
    code = """
        import threading
        import time
        from nets import big

        class Stage:
            def __init__(self, model):
                self.model = model

            def start(self):
                threading.Thread(target=self._run).start()

            def _run(self):
                self.model(1)

        class Pages:
            def __init__(self, limit):
                self.limit = limit
                self.layout_model = big("a")

            def build(self, pages):
                total = 0
                stage = Stage(model=self.layout_model)
                for page in pages:
                    begun = time.monotonic()
                    stage.start()
                    ended = time.monotonic()
                    total += ended - begun
                    if total > self.limit:
                        break

        def main():
            Pages(3).build([1, 2])

        main()
    """
    assert texts(codebase_of({"nets.py": NETS, "run.py": code}), "clocks: elapsed") == [
        "`Pages.build()` leaves the loop if `total > self.limit` (`total` is `ended - begun`)"
    ]


def test_an_entry_of_a_dictionary_that_another_function_sets_stops_the_work() -> None:
    code = """
        from net import Net

        class Api:
            def __init__(self):
                self.net = Net()
                self.sessions = {}

            def run(self, name, frames):
                session = self.sessions[name]
                session["canceled"] = False
                session["ready"] = False
                for frame in frames:
                    if session["canceled"]:
                        return None
                    if session["ready"]:
                        return None
                    self.net(frame)

            def cancel(self, name):
                session = self.sessions[name]
                session["canceled"] = True

        if __name__ == "__main__":
            api = Api()
            api.run("a", [1])
            api.cancel("a")
    """
    assert texts(codebase_of({"net.py": NET, "run.py": code}), "stop_flags") == [
        "`Api.run()` ends if `session['canceled']`; `session['canceled']` is set by `Api.cancel()`"
    ]
