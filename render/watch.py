"""The piles of a render counted while its shards are in the making, from what workers write beside them."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from core.progress import Progress
from render.journal import Share, furthest, read_workers

if TYPE_CHECKING:
    from render.worker import ShardJob

INTERVAL_S = 3.0
"""A look costs the reading of one small file a worker."""


class PileWatch:
    """Advances a progress by piles, where outcomes come by shards; use it with ``with``."""

    def __init__(self, root: Path, share: Share, jobs: Mapping[str, "ShardJob"], progress: Progress) -> None:
        """Take the dataset, and the shards that are to be made."""
        self._root, self._share, self._progress = root, share, progress
        self._first = {job.shard_index: job.pile_indices.start for job in jobs.values()}
        self._finished = self._shown = 0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._look, name="pile-watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def finish(self, shard: int, piles: int) -> None:
        """Count a shard that is there."""
        with self._lock:
            del self._first[shard]
            self._finished += piles
            self._show(self._finished)

    def _look(self) -> None:
        # Only here are files read: a thousand workers end shards far more often than anybody looks.
        while not self._ended.wait(INTERVAL_S):
            workers = read_workers(self._root)
            with self._lock:
                begun = furthest(worker for worker in workers if worker.share == self._share)
                piles = [(worker.pile or 0) - self._first[k] for k, worker in begun.items() if k in self._first]
                self._show(self._finished + sum(piles))

    def _show(self, done: int) -> None:
        self._progress.advance(max(done - self._shown, 0))
        self._shown = max(done, self._shown)
