"""What every engine is: it takes pure, keyed work items and yields their outcomes as they end."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""They name the GPUs that a process may use; empty, they hide all."""


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What became of one item: its value, or the reason why there is none after all attempts."""

    key: str
    value: Value | None
    error: str | None
    attempts: int


@dataclass(frozen=True)
class Crew:
    """How many workers do the items, and how many threads each of them may use."""

    workers: int
    threads: int


class Engine(Protocol):
    """Does work items; a stage gets one and does not know which."""

    @property
    def is_here(self) -> bool:
        """Whether all work is done on this machine, so that what it lacks can be told before the work begins."""

    @property
    def title(self) -> str:
        """What it is, in a few words, for those who watch."""

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return who does `items` items if the user asked for `workers` (None: as many as there is room for)."""

    def run(
        self,
        function: Callable[[Item], Value],
        items: Mapping[str, Item],
        *,
        workers: int,
        setup: Callable[[], None] | None = None,
        retries: int = 1,
    ) -> Iterator[Outcome[Value]]:
        """Yield the outcome of each item as `core.engine.run_items` says."""
