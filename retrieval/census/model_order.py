"""Which models a walk makes and runs, in the order in which that happens first."""

from retrieval.census.body import Guard
from retrieval.census.callgraph import Site, entered
from retrieval.census.computing import computes
from retrieval.census.focus import Focus
from retrieval.census.model_entries import holder, is_session
from retrieval.census.outside import TRACED, Outside, does
from retrieval.census.roster import Use
from retrieval.census.values import ClassRef
from retrieval.census.walk import Mark
from retrieval.census.wording import caller, either, label
from retrieval.languages import words

_READING = words(
    "load load_state_dict hf_hub_download snapshot_download load_file load_state_dict_from_url cached_path"
)
DEEPEST, MOST = 3, 3
Named = dict[str, Mark]


def ordered(focus: Focus, marks: list[Mark]) -> tuple[Named, Named]:
    """What is made or loaded and what is run, by name; layers inside models and bare readers of files are left out.

    Hosted models that stand next to each other are alternatives of one step: "`A` in `f()` or `B` in `g()`".
    """
    made: Named = {}
    run: Named = {}
    asked: list[str] = []
    for mark in marks:
        told = _told(focus, mark)
        if told is None:
            continue
        verb, name, hosted = told
        if verb == "makes":
            made.setdefault(name, mark)
        elif hosted and asked:
            run[" or ".join([*asked, name])] = run.pop(" or ".join(asked))
            asked.append(name)
        elif name not in run:
            run[name] = mark
            asked = [name] if hosted else []
    return made, run


def _told(focus: Focus, mark: Mark) -> tuple[str, str, bool] | None:
    """What one step does: ("makes" or "runs", the model with the body, whether the model is a hosted one)."""
    event, inside = mark.event, focus.in_model(mark.frame)
    if isinstance(event, Guard) or not isinstance(event, Site | Outside):
        return None
    use = focus.roster.used(mark.frame, event.step)
    if use is not None:
        name = f"{used_name(use)} by `{event.step.written}()` in {caller(mark.frame)}"
        return "runs", name, all(made.known is not None and made.known.hosted for made in use.made)
    if isinstance(event, Site):
        return _called(focus, mark, event) if not inside else None
    verb = does(event)
    if not verb or event.step.written.rpartition(".")[2] in _READING or (inside and event.does not in TRACED):
        return None
    traced = f"{either(event.name.split(' | '))} by " if event.does in TRACED else ""
    return verb, f"{traced}`{event.step.written}()` in {caller(mark.frame)}", False


def _called(focus: Focus, mark: Mark, site: Site) -> tuple[str, str, bool] | None:
    if not focus.models(site) or not site.targets:
        return None
    if site.base:
        return "runs", f"`{site.step.written}()` in {caller(mark.frame)}", False
    target = site.target
    inner = None if isinstance(target, ClassRef) else entered(focus.program, target)
    if inner is not None and not computes(focus.program, inner, DEEPEST):
        return None
    verb = "makes" if isinstance(target, ClassRef) else "runs"
    return verb, f"{either([label(target) for target in site.targets])} in {caller(mark.frame)}", False


def used_name(use: Use) -> str:
    """The model that a call runs: by the key it is got by, else by its class, with what it is for."""
    if use.key:
        return f"`{use.key}`"
    if is_session(use.made[0]):
        return f"`{holder(use)}` ({use.made[0].known.does})" if use.made[0].known else f"`{holder(use)}`"
    told = list(dict.fromkeys((made.name, made.known.does if made.known else "") for made in use.made))
    shown = [f"`{name}`" + (f" ({does})" if does else "") for name, does in told[:MOST]]
    return " or ".join(shown) + (" and others" if len(told) > MOST else "")
