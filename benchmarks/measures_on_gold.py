"""Which measures tell right maps from maps that know nothing, on networks whose reasons are known.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/measures_on_gold.py DATASET [PICTURES]

Prints two Markdown tables: the means of each measure over right maps, a ladder of integrated gradients with ever more
noise, and maps that know nothing; and how often right maps are better than those. Networks: colour, difference,
together, relu6_50, coarse, their first class. Measures that explain anew get a quarter of the pictures.
"""

import sys
from pathlib import Path

from tabulate import tabulate

from evaluation.faithfulness.plan import EXPLAIN_ANEW
from evaluation.faithfulness.registry import FAITHFULNESS, TWINS
from evaluation.gold.candidates import KNOW_NOTHING, TRUTHS, step_names
from evaluation.gold.cases import CASES
from evaluation.gold.measures import hold_measures
from evaluation.localization.registry import METRICS
from evaluation.measures import MEASURES

NETWORKS = ("colour", "difference", "together", "relu6_50", "coarse")
NOT_ASKED = {
    "iou_best": "needs maps of val pictures",
    "label_randomization": "needs a network that is trained",
    **dict.fromkeys(TWINS, "needs twins of the recoloured pictures"),
    **{name: f"equals {row.equals}" for name, row in METRICS.items() if row.equals},
}


def main() -> None:
    """Measure and print."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: measures_on_gold.py DATASET [PICTURES]")
    pictures = int(sys.argv[2]) if len(sys.argv) == 3 else 8
    names = [name for name in (*METRICS, *FAITHFULNESS) if name not in NOT_ASKED]
    anew = [name for name in names if MEASURES[name].kind in EXPLAIN_ANEW]
    rows = []
    for some, count in (([name for name in names if name not in anew], pictures), (anew, max(1, pictures // 4))):
        rows += hold_measures(Path(sys.argv[1]), some, [CASES[name] for name in NETWORKS], pictures=count)
    columns = (*TRUTHS, *step_names(), *KNOW_NOTHING)
    means = [
        [f"`{row.measure}`", MEASURES[row.measure].direction, *(_number(row.means.get(name)) for name in columns)]
        for row in rows
    ]
    print(tabulate(means, ["measure", "better", *columns], tablefmt="github", disable_numparse=True), "\n")
    wrong = (step_names()[-1], *KNOW_NOTHING)
    shares = [
        [
            f"`{row.measure}`",
            *(_share(row.beaten.get(name)) for name in wrong),
            _share(row.ordered),
            _share(row.reversed),
            str(row.maps),
        ]
        for row in rows
    ]
    headers = ["measure", "over noise", *(f"over {name}" for name in KNOW_NOTHING), "in order", "reversed", "maps"]
    print(tabulate(shares, headers, tablefmt="github", disable_numparse=True), "\n")
    print("Not asked:", "; ".join(f"{name} ({why})" for name, why in NOT_ASKED.items()))


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


if __name__ == "__main__":
    main()
