"""Many people's answers, few waits for the disk: whatever arrives while it writes is committed together.

A commit waits for the disk, some milliseconds. One thread owns the connection; while it commits, requests queue up,
and the next commit takes them all. Nobody is answered before the commit that holds their row is on disk.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from evaluation.study.web.requests import RefusedError

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Any]
Batch = list[tuple[Work, asyncio.Future[Any]]]
Outcomes = list[tuple[asyncio.Future[Any], Any, Exception | None]]


class StoreUnavailableError(Exception):
    """The disk is full or broken: what was asked did not happen."""


class Writer:
    """Runs work on the store's connection, one transaction for all that waits; used with ``with`` in an event loop."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over `connection`, which must be in autocommit mode; it is closed at the end."""
        self._connection = connection
        self._gathered: Batch = []
        self._waiting: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="study-writer")

    def __enter__(self) -> "Writer":
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what waits, and close the connection."""
        self._hand_over()
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what `work` returns, once all that it wrote is on disk.

        Raises:
            RefusedError: `work` refused.
            StoreUnavailableError: it could not be written; the store is as before.
        """
        future: asyncio.Future[Result] = self._loop.create_future()
        if not self._gathered:  # all that this turn of the event loop brings is handed over at once
            self._loop.call_soon(self._hand_over)
        self._gathered.append((work, future))
        return await future

    def _hand_over(self) -> None:
        batch, self._gathered = self._gathered, []
        if batch:
            self._waiting.put(batch)

    def _serve(self) -> None:
        going_on = True
        while going_on:
            batches = [self._waiting.get()]
            while not self._waiting.empty():
                batches.append(self._waiting.get())
            going_on = None not in batches
            if entries := [entry for batch in batches if batch is not None for entry in batch]:
                self._loop.call_soon_threadsafe(_tell, self._commit(entries))

    def _commit(self, batch: Batch) -> Outcomes:
        outcomes: Outcomes = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for work, future in batch:
                try:
                    outcomes.append((future, work(self._connection), None))
                except RefusedError as refusal:
                    outcomes.append((future, None, refusal))
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  whatever it was: nobody may be told that it is kept, or wait for ever
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            failed = StoreUnavailableError(str(error)) if isinstance(error, sqlite3.Error) else error
            return [(future, None, failed) for _, future in batch]
        return outcomes


def _tell(outcomes: Outcomes) -> None:
    for future, result, failure in outcomes:
        if future.done():
            continue  # who asked is gone; what they did is kept all the same
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)
