"""The engines of one machine: this process, or a few others, each of which is ended and replaced when it dies."""

import atexit
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any

from core.engines.interface import Crew, Item, Outcome, Setup, Value, ready, set_worker_number
from core.errors import BrickbenchError


class InProcessEngine:
    """This process alone: no other is started, and what makes it ready is left again."""

    is_here = True
    title = "this process"

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return one worker, which keeps the threads that it has."""
        del workers, items
        return Crew(1, 0)

    def run(
        self, function: Callable[..., Value], items: Mapping[str, Item], *, setup: Setup | None = None, **_: Any
    ) -> Iterator[Outcome[Value]]:
        """Yield the outcome of each item as `core.engine.run_items` says; here, one that failed would fail again."""
        with ready(setup) as do:
            for key, item in items.items():
                try:
                    outcome = Outcome(key, do(function, item), None, 1)
                except BrickbenchError:
                    raise
                except Exception as error:  # noqa: BLE001  reported, as by an engine of many processes
                    outcome = Outcome(key, None, f"{type(error).__name__}: {error}", 1)
                yield outcome


class LocalEngine:
    """Processes of this machine."""

    is_here = True
    title = "local processes"

    def crew(self, workers: int | None, items: int) -> Crew:
        """Return one worker a core, with the cores divided among them."""
        cores = len(os.sched_getaffinity(0))
        chosen = min(workers or cores, max(items, 1))
        return Crew(chosen, max(1, cores // chosen))

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
        context = get_context("spawn")  # a fork would copy Blender's and torch's threads in an unknown state
        still_wanted, end = context.Pipe(duplex=False)

        def start(number: int) -> ProcessPoolExecutor:
            given = (number, setup, still_wanted)
            return ProcessPoolExecutor(1, mp_context=context, initializer=_initialize, initargs=given)

        waiting = [(key, item, 1) for key, item in reversed(list(items.items()))]
        slots = [start(number) for number in range(min(workers, max(len(waiting), 1)))]
        idle = list(slots)
        running: dict[Future[Value], tuple[ProcessPoolExecutor, str, Item, int]] = {}
        try:
            while waiting or running:
                while waiting and idle:
                    key, item, attempt = waiting.pop()
                    slot = idle.pop()
                    running[slot.submit(_do, function, item)] = (slot, key, item, attempt)
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    slot, key, item, attempt = running.pop(future)
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        slot.shutdown(wait=False)
                        number = slots.index(slot)
                        slot = slots[number] = start(number)
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
            end.close()  # idle workers end now, and busy ones too: what they were on is made again
            for slot in slots:
                slot.shutdown(wait=True, cancel_futures=True)
            still_wanted.close()


_for_life = contextlib.ExitStack()
"""What makes a worker's process ready; it ends with the process."""
_do_ready: Callable[[Callable[..., Any], Any], Any]


def _do(function: Callable[..., Value], item: Item) -> Value:
    value: Value = _do_ready(function, item)
    return value


def _initialize(number: int, setup: Setup | None, still_wanted: connection.Connection) -> None:
    global _do_ready
    set_worker_number(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    # Blender and other native libraries print complaints about themselves when a process is taken down in order.
    atexit.register(os._exit, 0)
    threading.Thread(target=_end_with_parent, args=(still_wanted,), daemon=True).start()
    try:
        _do_ready = _for_life.enter_context(ready(setup))
    except BrickbenchError as error:
        mistake = error

        def fail(_function: Callable[..., Any], _item: Any) -> Any:
            raise mistake

        _do_ready = fail


def _end_with_parent(still_wanted: connection.Connection) -> None:
    """End this process when its parent is gone or stops: a killed run must not leave workers that go on rendering."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel, still_wanted])
        os._exit(1)
