"""Counts per participant as answers whose items and sides nobody knows."""

from collections.abc import Mapping

from evaluation.study.answers.answers import Answers


def count_rows(cells: Mapping[str, str], first: str, second: str) -> list[dict[str, str]]:
    """Return a row an answer for one participant's counts.

    The item is empty, which says that neither it nor the sides are known: `first` stands on the left in all of them
    only because something must.
    """
    trials, chosen = int(float(cells["trials"])), int(float(cells["chosen_first"]))
    row = {"participant": cells["participant"], "item": "", "left": first, "right": second}
    return [row | {"chosen": "left" if place < chosen else "right"} for place in range(trials)]


def are_counts(answers: Answers) -> bool:
    """Return whether `answers` came as counts: nothing is known of any item or side."""
    return bool((answers.item == "").all())
