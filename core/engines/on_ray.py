"""The engine on a Ray cluster: actors that each hold one live worker, placed by Ray, replaced when they die."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from core.engines.interface import Crew, Item, Outcome, Setup, Value
from core.engines.ray_connection import connect, connected
from core.engines.ray_fleet import Fleet, Task, WorkerNeeds
from core.engines.ray_worker import Done


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
        function: Callable[..., Value],
        items: Mapping[str, Item],
        *,
        workers: int,
        setup: Setup | None = None,
        retries: int = 1,
    ) -> Iterator[Outcome[Value]]:
        """Yield the outcome of each item as `core.engine.run_items` says; an item that failed is tried elsewhere.

        That a node is lost is no fault of its item, and is not counted as an attempt. When nothing is left to begin,
        items that take very long are begun a second time by workers that have nothing to do, as MapReduce does
        (Dean and Ghemawat 2004, backup tasks): one slow or hanging node holds nobody up. The first answer counts.

        Raises:
            BrickbenchError: also if no worker could be started.
        """
        needs = WorkerNeeds(self.worker_cpus, self.worker_gpus, self.patience_s)
        fleet: Fleet[Item] = Fleet(connected(self.address), needs, function, setup)
        tasks = [Task(key, item) for key, item in reversed(list(items.items()))]
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
