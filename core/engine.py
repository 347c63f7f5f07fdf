"""Work items that are pure and keyed, done by an engine, with retries.

Stages hand over a function, items with keys, and read outcomes as they come. A worker that dies
(a crash in native code) loses only the item it was on, which is tried again in a fresh process.
"""

from collections.abc import Callable, Iterator, Mapping

from core.engines.interface import Crew, Engine, Item, Outcome, Setup, Value
from core.engines.local import InProcessEngine, LocalEngine

__all__ = ["IN_PROCESS", "LOCAL", "Crew", "Engine", "Outcome", "run_items"]

IN_PROCESS: Engine = InProcessEngine()
LOCAL: Engine = LocalEngine()


def run_items(
    function: Callable[..., Value],
    items: Mapping[str, Item],
    *,
    workers: int,
    setup: Setup | None = None,
    retries: int = 1,
    engine: Engine = LOCAL,
) -> Iterator[Outcome[Value]]:
    """Yield the outcome of ``function(item)`` for each item, in the order in which they end.

    If the caller goes on no further (Ctrl-C, an error), workers are ended at once, in the middle of their items.

    Args:
        function: importable by name; pure, so that a retried or doubled item gives the same result.
        items: the work by key.
        workers: how many items are done at a time, each by a process of its own that does one after the other.
        setup: run once in each new process, before its first item. A context that it returns is entered there, and what
            that gives comes to `function` before the item.
        retries: further attempts for an item that raised or whose process died.
        engine: this process, others of this machine, or a cluster.

    Raises:
        BrickbenchError: raised by `function` or `setup`: the user must mend something, so all work stops.
    """
    return engine.run(function, items, workers=workers, setup=setup, retries=retries)
