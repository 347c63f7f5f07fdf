"""Answers of a forced-choice study as one plain table, wherever they were given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

NUMBERS: dict[str, Any] = {"familiarity": np.int64, "position": np.int64, "seconds": np.float64}
"""Types of the columns that are no text."""


@dataclass(frozen=True)
class Answers:
    """One row an answer: N answers, each a choice between two methods on one item by one participant.

    All arrays have N entries. Attention checks and repeated trials are rows like the others, told by `kind`.
    """

    participant: NDArray[np.str_]
    item: NDArray[np.str_]
    left: NDArray[np.str_]
    """Method shown on the left."""
    right: NDArray[np.str_]
    chosen: NDArray[np.str_]
    """``left`` or ``right``."""
    familiarity: NDArray[np.int64]
    """The participant's: 0 not familiar, 1 a bit familiar, 2 familiar, -1 not asked."""
    position: NDArray[np.int64]
    """Place of the trial in the participant's order, from 1; 0 where unknown."""
    kind: NDArray[np.str_]
    """``main``, ``repeat``, ``swapped`` or ``attention``."""
    expected: NDArray[np.str_]
    """``left`` or ``right`` for attention checks, empty elsewhere."""
    image_id: NDArray[np.str_]
    """To join with scores; empty where unknown, as `part_id`."""
    part_id: NDArray[np.str_]
    seconds: NDArray[np.float64]
    """Time from the page's appearance to the choice; NaN where unknown."""
    language: NDArray[np.str_]
    """That of the participant's page; empty where unknown."""

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, object]]) -> Self:
        """Return `rows`, each with a value for every column, as answers; None in `seconds` becomes NaN."""
        held = list(rows)
        return cls(**{name: np.array([row[name] for row in held], NUMBERS.get(name, np.str_)) for name in COLUMNS})

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self.participant)

    def where(self, keep: NDArray[np.bool_]) -> "Answers":
        """Return the answers at which `keep` is true."""
        return Answers(**{name: array[keep] for name, array in vars(self).items()})

    @property
    def winner(self) -> NDArray[np.str_]:
        """Return the chosen method of each answer."""
        return np.where(self.chosen == "left", self.left, self.right)


COLUMNS = tuple(field.name for field in fields(Answers))
