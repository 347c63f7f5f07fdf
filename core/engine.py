"""Work items that are pure and keyed, done by a few local processes, with retries.

Stages hand over a function, items with keys, and read outcomes as they come. A worker that dies
(a crash in native code) loses only the item it was on, which is tried again in a fresh process.
"""

import atexit
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from typing import Generic, TypeVar

from core.errors import BrickbenchError

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Outcome(Generic[Value]):
    """What became of one item: its value, or the reason why there is none after all attempts."""

    key: str
    value: Value | None
    error: str | None
    attempts: int


def run_items(
    function: Callable[[Item], Value],
    items: Mapping[str, Item],
    *,
    workers: int,
    setup: Callable[[], None] | None = None,
    retries: int = 1,
) -> Iterator[Outcome[Value]]:
    """Yield the outcome of ``function(item)`` for each item, in the order in which they end.

    Args:
        function: importable by name; pure, so that a retried or doubled item gives the same result.
        items: the work by key.
        workers: number of processes, each doing one item at a time.
        setup: run once in each new process, before its first item.
        retries: further attempts for an item that raised or whose process died.

    Raises:
        BrickbenchError: raised by `function` itself: the user must mend something, so all work stops.
    """
    context = get_context("spawn")  # a fork would copy Blender's and torch's threads in an unknown state

    def start() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=context, initializer=_initialize, initargs=(setup,))

    waiting = [(key, item, 1) for key, item in reversed(list(items.items()))]
    slots = [start() for _ in range(min(workers, max(len(waiting), 1)))]
    idle = list(slots)
    running: dict[Future[Value], tuple[ProcessPoolExecutor, str, Item, int]] = {}
    try:
        while waiting or running:
            while waiting and idle:
                key, item, attempt = waiting.pop()
                slot = idle.pop()
                running[slot.submit(function, item)] = (slot, key, item, attempt)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                slot, key, item, attempt = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    slot.shutdown(wait=False)
                    slots.remove(slot)
                    slot = start()
                    slots.append(slot)
                idle.append(slot)
                if error is None:
                    yield Outcome(key, future.result(), None, attempt)
                elif isinstance(error, BrickbenchError) or not isinstance(error, Exception):
                    raise error
                elif attempt <= retries:
                    waiting.append((key, item, attempt + 1))
                else:
                    yield Outcome(key, None, f"{type(error).__name__}: {error}", attempt)
    finally:
        for slot in slots:
            slot.shutdown(wait=True, cancel_futures=True)


def _initialize(setup: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # Blender and other native libraries print complaints about themselves when a process is taken down in order.
    atexit.register(os._exit, 0)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if setup is not None:
        setup()


def _die_with_parent() -> None:
    """End this process when its parent is gone: a killed run must not leave workers that go on rendering."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
