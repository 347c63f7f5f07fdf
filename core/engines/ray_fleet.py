"""The workers of one call of `run` on a Ray cluster: who does what, what is tried again, and who gets no more work."""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

from core.engines.interface import Item, Setup
from core.engines.ray_worker import Done, Failed, Worker
from core.errors import BrickbenchError

STRIKES = 3
"""Failures in a row, on one node, after which it gets no more work while other nodes do some."""
EXCUSED = 3
"""How often an item may lose its node, or meet one that cannot write, without that counting as a failure of its own."""
NODE_IS_TOLD_DEAD_S = 2.0
"""Ray tells the death of a worker at once, and that of its node a moment later."""
NODE_IS_GIVEN_UP_S = 20.0
"""So long Ray may take to give up a node whose worker no longer answers, though nobody said that it died."""
SLOW = 3.0
"""An item that takes so many times the median is done a second time where a worker has nothing else to do."""
SLOW_AT_LEAST_S = 10.0
"""Shorter items are not worth it."""


@dataclass(frozen=True)
class WorkerNeeds:
    """What each worker gets of its node, and how long the first may take to be placed and ready."""

    cpus: float
    gpus: float
    patience_s: float


@dataclass(frozen=True)
class Task(Generic[Item]):
    """An item, how often it was begun, and where it failed."""

    key: str
    item: Item
    attempts: int = 0
    excused: int = 0
    failed_on: frozenset[str] = frozenset()

    def may_go_on(self, retries: int) -> bool:
        """Return whether it is to be tried again after a failure."""
        return self.attempts - min(self.excused, EXCUSED) <= retries


@dataclass(frozen=True)
class Run(Generic[Item]):
    """A worker on an item."""

    actor: Any
    node: str
    task: Task[Item]
    since: float


class Fleet(Generic[Item]):
    """The actors of one call of `run`: starting, idle, or on an item."""

    def __init__(self, ray: Any, needs: WorkerNeeds, function: Callable[..., Any], setup: Setup | None) -> None:
        """Take the module ray, connected, and what each worker gets and does."""
        self._ray = ray
        self._needs, self._function, self._setup = needs, function, setup
        self._make = ray.remote(Worker).options(num_cpus=needs.cpus, num_gpus=needs.gpus)
        self._starting: dict[Any, Any] = {}  # reference to actor
        self._idle: list[tuple[Any, str]] = []  # actor, node
        self.running: dict[Any, Run[Item]] = {}  # by reference to the answer
        self._durations: list[float] = []
        self._strikes: Counter[str] = Counter()  # failures in a row by node
        self._failed_starts = 0
        self._why = ""
        self._begun = self._since = time.monotonic()

    def start(self) -> None:
        """Ask Ray for one more worker."""
        actor = self._make.remote()
        self._starting[actor.ready.remote(str(Path.cwd()), self._setup)] = actor

    def hand_out(self, tasks: list[Task[Item]]) -> None:
        """Give each idle worker the last task in `tasks` that it may do; those that fail too often get none."""
        if not tasks:
            self._double_slow_runs()
            return
        idle, self._idle = self._idle, []
        for actor, node in idle:
            others = self._nodes(idle) - {node}
            if self._strikes[node] >= STRIKES:
                if any(self._strikes[other] < STRIKES for other in others):
                    self._ray.kill(actor)
                    continue
                if self._starting and time.monotonic() - self._begun < self._needs.patience_s:
                    self._idle.append((actor, node))  # a worker that is still starting may be on a better node
                    continue
            for place in reversed(range(len(tasks))):
                if node not in tasks[place].failed_on or others <= tasks[place].failed_on:
                    task = tasks.pop(place)
                    self._begin(actor, node, replace(task, attempts=task.attempts + 1))
                    break
            else:
                self._idle.append((actor, node))

    def _begin(self, actor: Any, node: str, task: Task[Item]) -> None:
        self.running[actor.do.remote(self._function, task.item)] = Run(actor, node, task, time.monotonic())

    def _double_slow_runs(self) -> None:
        """Have idle workers do a second time what takes very long, on another node where there is one."""
        if not (self._idle and self._durations):
            return
        limit = max(SLOW * statistics.median(self._durations), SLOW_AT_LEAST_S)
        times = Counter(run.task.key for run in self.running.values())
        now = time.monotonic()
        for run in list(self.running.values()):  # the longest first, in the order in which they began
            if now - run.since <= limit or times[run.task.key] > 1:
                continue
            able = [
                place
                for place, (_, node) in enumerate(self._idle)
                if node not in run.task.failed_on and self._strikes[node] < STRIKES
            ]
            if able:
                actor, node = self._idle.pop(min(able, key=lambda place: self._idle[place][1] == run.node))
                self._begin(actor, node, run.task)

    def answers(self) -> Iterator[tuple[Task[Item], Done | Failed]]:
        """Wait for workers, and yield what the tasks came to that ended meanwhile; each task once.

        Raises:
            BrickbenchError: a task or a setup said that the user must mend something, or no worker can be started.
        """
        references = [*self._starting, *self.running]
        ready, _ = self._ray.wait(references, timeout=1.0) if references else ([], [])
        for reference in ready:
            if reference in self._starting:
                self._take_in(reference)
            elif reference in self.running:  # and not ended below, as the second of two
                task, answer = self._answer(reference)
                others = [other for other, run in self.running.items() if run.task.key == task.key]
                if isinstance(answer, Done):
                    for other in others:
                        self._ray.kill(self.running.pop(other).actor)
                elif others:
                    continue
                yield task, answer
        self._require_workers()

    def dismiss(self) -> None:
        """End all workers at once."""
        busy = (run.actor for run in self.running.values())
        for actor in [*self._starting.values(), *(actor for actor, _ in self._idle), *busy]:
            self._ray.kill(actor)

    def _take_in(self, reference: Any) -> None:
        actor = self._starting.pop(reference)
        try:
            node = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            node = Failed(_first_line(error))
        if isinstance(node, Failed):
            if node.exit_code is not None:
                raise node.as_error()
            self._ray.kill(actor)
            self._failed_starts, self._why = self._failed_starts + 1, node.text
            if self._failed_starts <= STRIKES or self._idle or self.running:
                self.start()
        else:
            self._failed_starts = 0
            self._idle.append((actor, node))

    def _answer(self, reference: Any) -> tuple[Task[Item], Done | Failed]:
        run = self.running.pop(reference)
        actor, node, task = run.actor, run.node, run.task
        try:
            answer: Done | Failed = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # the process is gone, or nobody can reach it
            self._ray.kill(actor)
            self.start()
            unanswered = isinstance(error, self._ray.exceptions.ActorUnavailableError)
            if self._is_lost(node, NODE_IS_GIVEN_UP_S if unanswered else NODE_IS_TOLD_DEAD_S):
                return replace(task, excused=task.excused + 1), Failed(f"The node was lost. {_first_line(error)}")
            answer = Failed(_first_line(error))
        else:
            self._idle.append((actor, node))
        if isinstance(answer, Done):
            self._strikes[node] = 0
            self._durations.append(time.monotonic() - run.since)
            return task, answer
        if answer.exit_code is not None:
            raise answer.as_error()
        self._strikes[node] += 1
        return replace(task, failed_on=task.failed_on | {node}, excused=task.excused + answer.by_machine), answer

    def _nodes(self, idle: list[tuple[Any, str]]) -> set[str]:
        """Return the nodes that have workers; `idle` are those of them that have nothing to do."""
        return {node for _, node in idle} | {run.node for run in self.running.values()}

    def _is_lost(self, node: str, patience_s: float) -> bool:
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if not any(each["NodeID"] == node and each["Alive"] for each in self._ray.nodes()):
                return True
            time.sleep(0.1)
        return False

    def _require_workers(self) -> None:
        if self._idle or self.running:
            self._since = time.monotonic()
        elif not self._starting:
            raise BrickbenchError(
                f"No worker on Ray could be made ready: {self._why.rstrip('.')}. "
                "The log of the worker, in /tmp/ray/session_latest/logs on its node, says more."
            )
        elif time.monotonic() - self._since > self._needs.patience_s:
            there = {name: round(count) for name, count in self._ray.cluster_resources().items()}
            raise BrickbenchError(
                f"Ray placed no worker with {self._needs.cpus:g} cores and {self._needs.gpus:g} GPUs "
                f"within {self._needs.patience_s:g} s; the cluster has {there.get('CPU', 0)} cores and "
                f"{there.get('GPU', 0)} GPUs. Give other --worker-cpus and --worker-gpus, or add nodes."
            )


def _first_line(error: Exception) -> str:
    """Return what Ray says of a death, without its table of ids and its guesses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if not line.startswith(("class_name", "actor_id", "pid", "ip"))), "")
    return f"{type(error).__name__}: {said.partition(' Worker exit type:')[0].rstrip('.')}"
