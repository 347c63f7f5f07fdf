"""The engine on a Ray cluster: actors that each hold one live worker, placed by Ray, replaced when they die."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

from core.engines.interface import Crew, Item, Outcome, Value
from core.engines.ray_connection import connect, connected
from core.engines.ray_worker import Done, Failed, Worker
from core.errors import BrickbenchError

STRIKES = 3
"""Failures in a row, on one node, after which it gets no more work while other nodes do some."""
LOST_NODES = 3
"""How often an item may lose the node it is on without that counting as a failure of its own."""
NODE_IS_TOLD_DEAD_S = 2.0
"""Ray tells the death of a worker at once, and that of its node a moment later."""
NODE_IS_GIVEN_UP_S = 20.0
"""So long Ray may take to give up a node whose worker no longer answers, though nobody said that it died."""


@dataclass(frozen=True)
class RayEngine:
    """Workers on a Ray cluster, each with so many cores and (shares of) GPUs."""

    address: str | None = None
    """As of `ray.init`: None for RAY_ADDRESS, else the cluster that runs here, else one of this machine alone."""
    worker_cpus: float = 1.0
    worker_gpus: float = 0.0
    patience_s: float = 300.0
    """How long the first worker may take to be placed and ready: nodes may have to be started first."""

    is_here = False

    @property
    def title(self) -> str:
        """What it is: with the address of Ray's dashboard, if there is one."""
        url = connect(self.address).dashboard_url
        return f"Ray (dashboard: http://{url})" if url else "Ray"

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return as many workers as the cluster has room for now, unless the user said how many."""
        there = connected(self.address).cluster_resources()
        room = there.get("CPU", 0.0) / self.worker_cpus if self.worker_cpus else float("inf")
        if self.worker_gpus:
            room = min(room, there.get("GPU", 0.0) / self.worker_gpus)
        chosen = min(workers or max(int(min(room, items)), 1), max(items, 1))
        return Crew(chosen, max(1, int(self.worker_cpus)))

    def run(
        self,
        function: Callable[[Item], Value],
        items: Mapping[str, Item],
        *,
        workers: int,
        setup: Callable[[], None] | None = None,
        retries: int = 1,
    ) -> Iterator[Outcome[Value]]:
        """Yield the outcome of each item as `core.engine.run_items` says; an item that failed is tried elsewhere.

        That a node is lost is no fault of its item, and is not counted as an attempt.

        Raises:
            BrickbenchError: also if no worker could be started.
        """
        fleet = _Fleet(self, function, setup)
        tasks = [_Task(key, item) for key, item in reversed(list(items.items()))]
        try:
            for _ in range(min(workers, len(tasks))):
                fleet.start()
            while tasks or fleet.running:
                fleet.hand_out(tasks)
                for task, answer in fleet.answers():
                    if isinstance(answer, Done):
                        yield Outcome(task.key, answer.value, None, task.attempts)
                    elif task.may_go_on(retries):
                        tasks.append(task)
                    else:
                        yield Outcome(task.key, None, answer.text, task.attempts)
        finally:
            fleet.dismiss()


@dataclass(frozen=True)
class _Task(Generic[Item]):
    """An item, how often it was begun, and where it failed."""

    key: str
    item: Item
    attempts: int = 0
    lost_nodes: int = 0
    failed_on: frozenset[str] = frozenset()

    def may_go_on(self, retries: int) -> bool:
        return self.attempts - min(self.lost_nodes, LOST_NODES) <= retries


class _Fleet(Generic[Item]):
    """The actors of one call of `run`: starting, idle, or on an item."""

    def __init__(self, engine: RayEngine, function: Callable[[Item], Any], setup: Callable[[], None] | None) -> None:
        self._ray = connected(engine.address)
        self._engine, self._function, self._setup = engine, function, setup
        self._make = self._ray.remote(Worker).options(num_cpus=engine.worker_cpus, num_gpus=engine.worker_gpus)
        self._starting: dict[Any, Any] = {}  # reference to actor
        self._idle: list[tuple[Any, str]] = []  # actor, node
        self.running: dict[Any, tuple[Any, str, _Task[Item]]] = {}
        self._strikes: Counter[str] = Counter()  # failures in a row by node
        self._failed_starts = 0
        self._why = ""
        self._since = time.monotonic()

    def start(self) -> None:
        """Ask Ray for one more worker."""
        actor = self._make.remote()
        self._starting[actor.ready.remote(str(Path.cwd()), self._setup)] = actor

    def hand_out(self, tasks: list[_Task[Item]]) -> None:
        """Give each idle worker the last task in `tasks` that it may do; those that fail too often get none."""
        idle, self._idle = self._idle, []
        for actor, node in idle:
            others = self._nodes(idle) - {node}
            if self._strikes[node] >= STRIKES and any(self._strikes[other] < STRIKES for other in others):
                self._ray.kill(actor)
                continue
            for place in reversed(range(len(tasks))):
                if node not in tasks[place].failed_on or others <= tasks[place].failed_on:
                    task = tasks.pop(place)
                    begun = replace(task, attempts=task.attempts + 1)
                    self.running[actor.do.remote(self._function, begun.item)] = (actor, node, begun)
                    break
            else:
                self._idle.append((actor, node))

    def answers(self) -> Iterator[tuple[_Task[Item], Done | Failed]]:
        """Wait for workers, and yield what the tasks came to that ended meanwhile.

        Raises:
            BrickbenchError: a task or a setup said that the user must mend something, or no worker can be started.
        """
        references = [*self._starting, *self.running]
        ready, _ = self._ray.wait(references, timeout=1.0) if references else ([], [])
        for reference in ready:
            if reference in self._starting:
                self._take_in(reference)
            else:
                yield self._answer(reference)
        self._require_workers()

    def dismiss(self) -> None:
        """End all workers at once."""
        for actor in [*self._starting.values(), *(a for a, _ in self._idle), *(a for a, *_ in self.running.values())]:
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

    def _answer(self, reference: Any) -> tuple[_Task[Item], Done | Failed]:
        actor, node, task = self.running.pop(reference)
        try:
            answer: Done | Failed = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # the process is gone, or nobody can reach it
            self._ray.kill(actor)
            self.start()
            unanswered = isinstance(error, self._ray.exceptions.ActorUnavailableError)
            if self._is_lost(node, NODE_IS_GIVEN_UP_S if unanswered else NODE_IS_TOLD_DEAD_S):
                return replace(task, lost_nodes=task.lost_nodes + 1), Failed(f"The node was lost. {_first_line(error)}")
            answer = Failed(_first_line(error))
        else:
            self._idle.append((actor, node))
        if isinstance(answer, Done):
            self._strikes[node] = 0
            return task, answer
        if answer.exit_code is not None:
            raise answer.as_error()
        self._strikes[node] += 1
        return replace(task, failed_on=task.failed_on | {node}), answer

    def _nodes(self, idle: list[tuple[Any, str]]) -> set[str]:
        """Return the nodes that have workers; `idle` are those of them that have nothing to do."""
        return {node for _, node in idle} | {node for _, node, _ in self.running.values()}

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
        elif time.monotonic() - self._since > self._engine.patience_s:
            there = {name: round(count) for name, count in self._ray.cluster_resources().items()}
            raise BrickbenchError(
                f"Ray placed no worker with {self._engine.worker_cpus:g} cores and {self._engine.worker_gpus:g} GPUs "
                f"within {self._engine.patience_s:g} s; the cluster has {there.get('CPU', 0)} cores and "
                f"{there.get('GPU', 0)} GPUs. Give other --worker-cpus and --worker-gpus, or add nodes."
            )


def _first_line(error: Exception) -> str:
    """Return what Ray says of a death, without its table of ids and its guesses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if not line.startswith(("class_name", "actor_id", "pid", "ip"))), "")
    return f"{type(error).__name__}: {said.partition(' Worker exit type:')[0].rstrip('.')}"
