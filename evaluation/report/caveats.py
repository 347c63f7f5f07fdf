"""What may not be concluded from the scores of a run, in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.statistics.summary import ALPHA, Summary
from evaluation.statistics.table import ScoreTable

FEW_PILES = 30
MUCH_UNDEFINED = 0.05


@dataclass(frozen=True)
class NetworkFacts:
    """What is known of the network that was explained; None where it is not."""

    map_macro: float | None = None
    """Mean average precision on the val split."""
    predicted_share: float | None = None
    """Share of the explained pairs for which the network's logit is above 0."""
    runs: int = 1
    """Training runs whose maps were scored on the same pictures."""


def caveats(table: ScoreTable, summary: Summary, network: NetworkFacts, core: Sequence[str]) -> tuple[str, ...]:
    """Return the limits of a verdict that counts the metrics `core`, those that hold for these numbers."""
    found = [
        (
            "These measures ask whether a map lies on the brick that it names. They do not ask whether the network "
            "used those pixels: a true explanation of a network that looks at the floor would score low."
        )
    ]
    piles = len(set(table.piles.tolist()))
    if piles < FEW_PILES:
        found.append(
            f"Only {piles} {'pile' if piles == 1 else 'piles'} of bricks stand behind these numbers: "
            "intervals are wide and rough. Small differences need more piles."
        )
    for method in table.methods:
        share = max(summary.cell(method, name).undefined_share for name in core)
        if share > MUCH_UNDEFINED:
            found.append(
                f"{share:.0%} of the maps by {method.title} have no value on at least one measure (see the table). "
                + (
                    "They count as the worst value here, whatever the reason."
                    if table.strict
                    else "Means leave them out and may flatter it."
                )
            )
    if network.map_macro is not None and network.map_macro < 0.6:
        found.append(
            f"The network labels poorly (mean average precision {network.map_macro:.2f} on the validation split): "
            "maps off the brick may be the network's fault as much as the method's."
        )
    if network.predicted_share is not None and network.predicted_share < 0.7:
        found.append(
            f"Only {network.predicted_share:.0%} of the explained parts were recognised by the network; "
            "the other maps explain a logit that says the part is absent."
        )
    if summary.comparisons:
        if 2 ** (1 - min(piles, 60)) * summary.comparisons >= ALPHA:
            found.append(
                f"With {piles} {'pile' if piles == 1 else 'piles'} and {summary.comparisons} comparisons no test can "
                "tell any two methods apart, however different they are: score more piles, or fewer methods."
            )
        found.append(
            "“Not told apart” is no proof that two methods are alike: look how far their interval reaches. "
            "Intervals are not corrected for their number, tests are."
        )
    found.append(
        "One network, one training run and one dataset: nothing here says how other networks behave."
        if network.runs == 1
        else f"{network.runs} training runs of one dataset: see below how much of the variation is theirs."
    )
    return tuple(found)
