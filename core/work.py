"""Work that adds to files what they lack: done by an engine, taken in as it comes, with failures counted by reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from core.engine import IN_PROCESS, Engine, run_items

State = TypeVar("State")
Value = TypeVar("Value")


class WorkItem(Protocol):
    """What one call of an engine's function does: plain data that another machine can follow."""

    @property
    def name(self) -> str:
        """What is done by what, for those who watch, and before the reason of a failure."""

    @property
    def size(self) -> int:
        """How many failures it counts as."""


Item = TypeVar("Item", bound=WorkItem)


@dataclass
class WorkResult:
    """What was done: made now, there already, failures by reason, and what else a user should know."""

    made: int = 0
    found: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add_notes(self, notes: Iterable[str | None]) -> None:
        """Take notes, such as batches that had to shrink, each once."""
        self.notes += [note for note in notes if note is not None and note not in self.notes]


def work_through(
    function: Callable[[State, Item], Value],
    items: Mapping[str, Item],
    result: WorkResult,
    *,
    setup: Callable[[int], AbstractContextManager[State]],
    engine: Engine,
    workers: int | None,
    alone: bool = False,
) -> Iterator[tuple[Item, Value]]:
    """Yield each item with what it came to, in the order in which they end; count those that failed in `result`.

    Args:
        function: importable by name; takes what `setup` gave, and an item.
        items: the work by key.
        result: gets failures by reason.
        setup: takes a number of threads (0: those that the process has), and is entered once in each process.
        engine: where the items are done.
        workers: how many do them; None leaves it to the engine.
        alone: whether this process does them, where no other machine is asked; it does too where one worker is enough.

    Raises:
        BrickbenchError: the user must mend something, so all work stops.
    """
    if not items:
        return
    crew = engine.crew(workers, len(items))
    if engine.is_here and (alone or crew.workers == 1):
        engine, crew = IN_PROCESS, IN_PROCESS.crew(1, len(items))
    ready = partial(setup, crew.threads)
    for outcome in run_items(function, items, workers=crew.workers, setup=ready, engine=engine):
        item = items[outcome.key]
        if outcome.value is None:
            result.failures[f"{item.name}: {outcome.error}"] += item.size
        else:
            yield item, outcome.value
