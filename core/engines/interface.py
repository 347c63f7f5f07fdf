"""What every engine is: it takes pure, keyed work items and yields their outcomes as they end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")
Setup = Callable[[], AbstractContextManager[Any] | None]
"""Makes a process ready, before its first item. A context that it returns is entered, and left when the process is
done; what the context gives, if anything, comes to the function before each item."""
GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""They name the GPUs that a process may use; empty, they hide all."""


_worker_number = 0


def worker_number() -> int:
    """Return which of its engine's workers on this machine this process is, from 0; one that is replaced passes it on.

    It is 0 where this process does the work itself, and on Ray, which gives each worker GPUs of its own.
    """
    return _worker_number


def set_worker_number(number: int) -> None:
    """Say which worker this process is; an engine does so before anything else runs in it."""
    global _worker_number
    _worker_number = number


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What became of one item: its value, or the reason why there is none after all attempts."""

    key: str
    value: Value | None
    error: str | None
    attempts: int


@dataclass(frozen=True)
class Crew:
    """How many workers do the items, and how many threads each of them may use; 0: those that its process has."""

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
        function: Callable[..., Value],
        items: Mapping[str, Item],
        *,
        workers: int,
        setup: Setup | None = None,
        retries: int = 1,
    ) -> Iterator[Outcome[Value]]:
        """Yield the outcome of each item as `core.engine.run_items` says."""


@contextmanager
def ready(setup: Setup | None) -> Iterator[Callable[[Callable[..., Value], Item], Value]]:
    """Make this process ready while the block lasts, and give what does an item in it: ``do(function, item)``."""
    with ExitStack() as stack:
        context = None if setup is None else setup()
        state = None if context is None else stack.enter_context(context)

        def do(function: Callable[..., Value], item: Item) -> Value:
            return function(item) if state is None else function(state, item)

        yield do
