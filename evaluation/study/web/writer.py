"""Many people's answers, few waits for the disk: whatever arrives while it writes is committed together.

A commit waits for the disk, some milliseconds. One thread owns the connection; while it commits, requests queue up,
and the next commit takes them all. Nobody is answered before the commit that holds their row is on disk.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from evaluation.study.web.store import RefusedError

MOST_AT_ONCE = 500  # requests in one commit
Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Any]


class StoreUnavailableError(Exception):
    """The disk is full or broken: what was asked did not happen."""


class Writer:
    """Runs work on the store's connection, one transaction for all that waits; used with ``with``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over `connection`, which must be in autocommit mode; it is closed at the end."""
        self._connection = connection
        self._waiting: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="study-writer")

    def __enter__(self) -> "Writer":
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what waits, and close the connection."""
        self._waiting.put(None)
        self._thread.join()
        self._connection.close()

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what `work` returns, once all that it wrote is on disk.

        Raises:
            RefusedError: `work` refused.
            StoreUnavailableError: it could not be written; the store is as before.
        """
        future: Future[Result] = Future()
        self._waiting.put((work, future))
        return await asyncio.wrap_future(future)

    def _serve(self) -> None:
        going_on = True
        while going_on:
            batch = [self._waiting.get()]
            while len(batch) < MOST_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            going_on = None not in batch
            self._commit([entry for entry in batch if entry is not None])

    def _commit(self, batch: list[tuple[Work, Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, Exception | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for work, future in batch:
                try:
                    outcomes.append((future, work(self._connection), None))
                except RefusedError as refusal:
                    outcomes.append((future, None, refusal))
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody may be told that it is kept, or wait for ever
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            failed = StoreUnavailableError(str(error)) if isinstance(error, sqlite3.Error) else error
            outcomes = [(future, None, failed) for _, future in batch]
        for future, result, failure in outcomes:
            if not future.set_running_or_notify_cancel():
                continue  # who asked is gone; their answer is kept all the same
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
