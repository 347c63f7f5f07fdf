"""The registry in words for a terminal: a table of these texts would be three times as wide as one."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

WIDTH = 100
"""Columns that a line takes at most."""
NAMES = 22
"""Columns for names."""


def method_lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield the lines that list `rows`, of `explain.methods.method_rows`, by family."""
    for family, group in groupby(rows, key=itemgetter("family")):
        yield f"{str(family).upper()}"
        for row in group:
            settings = f"Settings: {row['settings']}." if row["settings"] else "No settings."
            yield from _entry(row["method"], f"{row['source']}. Costs {row['cost']}.", row["note"], settings)
        yield ""
    yield "Settings of one in words: brickbench explain methods METHOD."


def setting_lines(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield the lines that list `rows`, of `explain.methods.setting_rows`."""
    for row in rows:
        yield from _entry(row["setting"], f"{row['default']} ({row['values']})", row["meaning"])
    if not rows:
        yield "No settings."


def _entry(name: object, *facts: object) -> Iterator[str]:
    lines = [line for fact in facts for line in textwrap.wrap(str(fact), WIDTH - NAMES)]
    yield f"{name!s:<{NAMES}}{lines[0]}"
    yield from (" " * NAMES + line for line in lines[1:])
