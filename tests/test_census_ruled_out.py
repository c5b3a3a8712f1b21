"""What every caller's constants rule out is not reached, in any answer."""

from retrieval.census import run_query
from retrieval.census.flow.reach import reach_of
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

SCORE = """
    from transformers import AutoModelForCausalLM

    def score(text):
        return AutoModelForCausalLM.from_pretrained("acme/tiny")(text)
"""
READ = """
    def text_of(page, engine="plain"):
        if engine == "plain":
            return page
        elif engine == "scored":
            from score import score

            return max([page], key=lambda text: 0) and [score(text) for text in [page]]
        raise ValueError(engine)
"""


def _code(main: str) -> Codebase:
    return codebase_of({"score.py": SCORE, "read.py": READ, "main.py": main})


def _main(call: str) -> str:
    return (
        f"from read import text_of\n\ndef main(kind):\n    print({call})\n\nif __name__ == '__main__':\n    main('x')\n"
    )


def test_an_arm_that_the_constants_of_all_calls_exclude_is_not_reached() -> None:
    code = _code(_main('text_of("page", engine="plain")'))
    assert ("score.py", "score") not in reach_of(code).units and ("read.py", "text_of") in reach_of(code).units
    used = [hit.text for hit in run_query(code, "model_summary: what=used").hits]
    assert not any(text.startswith("One model is used:") for text in used)


def test_the_default_of_a_parameter_excludes_too() -> None:
    assert ("score.py", "score") not in reach_of(_code(_main('text_of("page")'))).units


def test_what_a_call_may_give_is_reached() -> None:
    for call in ('text_of("page", engine="scored")', 'text_of("page", engine=kind)', 'list(map(text_of, "ab"))'):
        assert ("score.py", "score") in reach_of(_code(_main(call))).units, call


def test_a_second_caller_or_another_use_of_the_name_reaches_it() -> None:
    two = _main('text_of("page")') + "\n\ndef other():\n    return text_of('page', 'scored')\n\nother()\n"
    assert ("score.py", "score") in reach_of(_code(two)).units
    handed = _main('text_of("page"), text_of')
    assert ("score.py", "score") in reach_of(_code(handed)).units


NETS = """
    from transformers import AutoModelForCausalLM, AutoModelForObjectDetection

    class Pair:
        def __init__(self, judged=True):
            self.judge = AutoModelForCausalLM.from_pretrained("acme/judge") if judged else None
            self.net = AutoModelForObjectDetection.from_pretrained("acme/net")

        def __call__(self, page):
            found = self.net(page)
            return self.judge(found) if self.judge is not None else found

    def main():
        return Pair(JUDGED)("page")

    if __name__ == "__main__":
        print(main())
"""


def test_a_model_that_no_call_lets_a_constructor_make_is_not_run() -> None:
    for given, judged in (("judged=False", False), ("judged=True", True), ("", True)):
        code = codebase_of({"main.py": NETS.replace("JUDGED", given)})
        names = {hit.name for hit in run_query(code, "model_runs").hits}
        assert names == {"AutoModelForObjectDetection", *(["AutoModelForCausalLM"] if judged else [])}, given
