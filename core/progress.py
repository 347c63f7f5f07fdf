"""Progress on stderr: a bar with a rate and a time left in a terminal, plain periodic lines elsewhere."""

import sys
import time
from typing import NoReturn, Self

from tqdm import tqdm

PLAIN_INTERVAL_S = 10.0


class Progress:
    """Counts finished items of one piece of work; use it with ``with``."""

    def __init__(self, title: str, total: int, unit: str, done: int = 0) -> None:
        """Start at `done` of `total` items called `unit` (plural), as after a resumed run."""
        self._title, self._total, self._unit = title, total, unit
        self._start_count = self._count = done
        self._started = self._last_line = time.monotonic()
        self._bar: tqdm[NoReturn] | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=total, initial=done, desc=title, unit=f" {unit}", file=sys.stderr, leave=True)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the bar, or print the last plain line."""
        if self._bar is not None:
            self._bar.close()
        elif self._count > self._start_count or self._total == 0:
            self._print_line()

    def advance(self, items: int = 1, note: str = "") -> None:
        """Count `items` more; `note` (a loss, a score) stands behind the rate."""
        self._count += items
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(items)
        elif time.monotonic() - self._last_line >= PLAIN_INTERVAL_S:
            self._print_line(note)

    def _print_line(self, note: str = "") -> None:
        self._last_line = time.monotonic()
        seconds = self._last_line - self._started
        rate = (self._count - self._start_count) / seconds if seconds > 0 else 0.0
        left = f", {(self._total - self._count) / rate:.0f} s left" if rate and self._count < self._total else ""
        tail = f"  {note}" if note else ""
        line = f"{self._title}: {self._count}/{self._total} {self._unit}, {rate:.3g}/s{left}{tail}"
        print(line, file=sys.stderr, flush=True)
