"""Answers as numbers: who chose what on which item, with which method on which side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.study.answers.answers import Answers
from evaluation.study.models.results import FloatArray, IntArray


@dataclass(frozen=True)
class Trials:
    """N main answers of P people on I items, each of which showed the method called first."""

    answers: Answers
    people: NDArray[np.str_]
    """(P,)"""
    items: NDArray[np.str_]
    """(I,)"""
    person: IntArray
    """(N,) 0 to P - 1"""
    item: IntArray
    """(N,) 0 to I - 1"""
    chosen: FloatArray
    """(N,) 1 where the first method was chosen, else 0."""
    first_is_left: NDArray[np.bool_]
    """(N,)"""
    other: NDArray[np.str_]
    """(N,) the method that the first one was shown with."""
    familiarity: NDArray[np.int64]
    """(P,) -1 where it is not known."""

    @property
    def items_known(self) -> bool:
        """Return whether it is known which answer is on which item, and on which side; not so of mere counts."""
        return bool((self.answers.item != "").all())

    @property
    def hits(self) -> FloatArray:
        """Return the answers for the first method by person and item, (P, I)."""
        return table_of(self.person, self.item, self.chosen, (len(self.people), len(self.items)))

    @property
    def tries(self) -> FloatArray:
        """Return the answers by person and item, (P, I)."""
        return table_of(self.person, self.item, np.ones(len(self.person)), (len(self.people), len(self.items)))


def read_trials(answers: Answers, first: str) -> Trials:
    """Return the main answers among `answers` that show the method `first`, 1 or more."""
    main = answers.where((answers.kind == "main") & ((answers.left == first) | (answers.right == first)))
    people, first_answer, person = np.unique(main.participant, return_index=True, return_inverse=True)
    items, item = np.unique(main.item, return_inverse=True)
    first_is_left = main.left == first
    return Trials(
        answers=main,
        people=people,
        items=items,
        person=person,
        item=item,
        chosen=(main.winner == first).astype(np.float64),
        first_is_left=first_is_left,
        other=np.where(first_is_left, main.right, main.left),
        familiarity=main.familiarity[first_answer],
    )


def table_of(person: IntArray, item: IntArray, values: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return the sums of `values` (N,) by person and item, in a table of `shape` (P, I)."""
    return np.asarray(np.bincount(person * shape[1] + item, values, shape[0] * shape[1]), np.float64).reshape(shape)
