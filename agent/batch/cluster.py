"""Hands tasks out to the machines of a Ray cluster. The one import of ray.

One station per GPU, or per machine where there is none, each an actor that runs the engine of its machine: so results
are those of one machine, whatever the cluster. A machine that is lost gives its tasks back, one that joins gets a
station, and one that cannot hold the model gets no more tasks.
"""

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.batch.course import Message
from agent.batch.station import Station
from agent.batch.task import Choices, Outcome, Sign, Task
from agent.errors import MachineError, UserError

NEWS_SECONDS = 1.0
LOOK_SECONDS = 5.0
ALONE_SECONDS = 120.0
MOST_LOSSES = 3


@dataclass(eq=False)
class _Post:
    """One station as the driver sees it: its actor, its tasks by slug, and the call that will bring news."""

    node: str
    place: int
    actor: Any
    name: str = ""
    most: int = 0
    tasks: dict[str, Task] = field(default_factory=dict)
    fresh: list[Task] = field(default_factory=list)
    news: Any = None


class RayEngine:
    """The engine of a cluster. `workers` are processes that answer at each station, 0 for the station's own choice."""

    def __init__(self, choices: Choices, address: str, workers: int, *, prepares: bool) -> None:
        self._ray = _connect(address)
        self._arguments = (choices, workers, prepares)
        self._posts: list[_Post] = []
        self._unfit: dict[tuple[str, int], str] = {}
        self._back: deque[Task] = deque()
        self._losses: dict[str, int] = {}
        self._news: list[Message] = []
        self._looked = 0.0
        self._alone_since = time.monotonic()
        self._look()

    @property
    def room(self) -> int:
        """How many more tasks the stations want now."""
        return sum(post.most - len(post.tasks) for post in self._posts) - len(self._back)

    def submit(self, task: Task, lock: int | None = None) -> None:
        """Take a task. The lock stays with the driver: who works on it dies with the driver."""
        del lock
        self._back.append(task)

    def poll(self, seconds: float) -> list[Message]:
        """What happened, waiting up to `seconds`. Raises MachineError when no machine is left."""
        self._look()
        self._hand_out()
        calls = {post.news: post for post in self._posts if post.news is not None}
        if calls:
            self._ray.wait(list(calls), num_returns=1, timeout=0 if self._news else seconds)
            for call in self._ray.wait(list(calls), num_returns=len(calls), timeout=0)[0]:
                self._hear(calls[call])
        else:
            time.sleep(seconds)
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """End every station and leave the cluster."""
        for post in self._posts:
            self._ray.kill(post.actor, no_restart=True)
        self._posts = []
        self._ray.shutdown()

    # --- machines

    def _look(self) -> None:
        """Start stations where there are none; give up when nobody is left for long."""
        now = time.monotonic()
        if self._posts:
            self._alone_since = now
        elif now - self._alone_since > ALONE_SECONDS:
            reasons = "; ".join(dict.fromkeys(self._unfit.values()))
            raise MachineError(
                f"no machine of the cluster can work: {reasons or 'none has joined'}", "see `ray status`"
            )
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        taken = {(post.node, post.place) for post in self._posts} | self._unfit.keys()
        for node, place, gpus in self._places():
            if (node, place) not in taken:
                self._start(node, place, gpus)

    def _places(self) -> Iterator[tuple[str, int, int]]:
        """(machine, station on it, GPUs of that station) of the whole cluster."""
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU", 0) > 0:
                gpus = int(node["Resources"].get("GPU", 0))
                for place in range(max(1, gpus)):
                    yield node["NodeID"], place, min(1, gpus)

    def _start(self, node: str, place: int, gpus: int) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        choices, workers, prepares = self._arguments
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        remote = self._ray.remote(Station).options(num_cpus=1, num_gpus=gpus, scheduling_strategy=there)
        post = _Post(node, place, remote.remote(choices, workers, prepares=prepares))
        post.news = post.actor.facts.remote()
        self._posts.append(post)

    # --- tasks

    def _hand_out(self) -> None:
        for post in sorted(self._posts, key=lambda post: len(post.tasks)):
            while self._back and len(post.tasks) < post.most:
                task = self._back.popleft()
                post.tasks[task.slug] = task
                post.fresh.append(task)
            self._ask(post)

    def _ask(self, post: _Post) -> None:
        """Send what is new to a station that is waiting, and ask for news while it has tasks."""
        if post.news is None and post.tasks:
            fresh, post.fresh = post.fresh, []
            post.news = post.actor.work.remote(fresh, NEWS_SECONDS)

    def _hear(self, post: _Post) -> None:
        call, post.news = post.news, None
        try:
            told = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            self._lose(post, type(error).__name__)
            return
        if not post.most:
            post.name, post.most = told
            return
        for message in told:
            self._pass_on(post, message)

    def _pass_on(self, post: _Post, message: Message) -> None:
        if isinstance(message, Outcome):
            if message.fatal:
                self._unfit[post.node, post.place] = f"{post.name}: {message.reason}"
                self._lose(post, message.reason, kill=True)
                return
            post.tasks.pop(message.slug, None)
        self._news.append(message)

    def _lose(self, post: _Post, reason: str, *, kill: bool = False) -> None:
        """Take back the tasks of a station that is gone."""
        if post not in self._posts:
            return
        self._posts.remove(post)
        if kill:
            self._ray.kill(post.actor, no_restart=True)
        for task in post.tasks.values():
            self._losses[task.slug] = self._losses.get(task.slug, 0) + 1
            if self._losses[task.slug] < MOST_LOSSES or kill:
                self._back.appendleft(task)
                self._news.append(Sign(task.slug, "queued", f"{post.name or 'a machine'} was lost ({reason})"))
            else:
                self._news.append(Outcome(task.slug, "failed", f"{MOST_LOSSES} machines were lost while working on it"))


def _connect(address: str) -> Any:
    """The ray module, connected: to the cluster at `address`, or to one of this machine alone if that is empty."""
    try:
        import ray
    except ImportError:
        raise UserError("Ray is not installed", "pip install 'deposition[ray]'") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    own: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address or "local", namespace="deposition", log_to_driver=False, **own)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise MachineError(
            f"no Ray cluster at {address or 'this machine'}: {error}", "start one with `ray start`"
        ) from None
    return ray
