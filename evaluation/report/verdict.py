"""What the numbers say, in plain words, and what may not be concluded from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from core.bootstrap import FEWEST_RESAMPLED
from core.cli import count_of
from evaluation.report.judge import MANY_METHODS, Judge
from evaluation.statistics.comparison import ALPHA
from evaluation.statistics.summary import Summary, zero_words

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


@dataclass(frozen=True)
class Verdict:
    """A headline, sentences that bear it out, and limits."""

    headline: str
    sentences: tuple[str, ...]
    caveats: tuple[str, ...]


def decide(summary: Summary, network: NetworkFacts) -> Verdict:
    """Return the verdict that the paired tests allow: a difference counts if its corrected p is below `ALPHA`."""
    judge = Judge(summary)
    if len(judge.methods) < MANY_METHODS:
        sentences = [judge.against_baselines(method) for method in judge.methods]
        sentences += [judge.against_each_other(*pair) for pair in combinations(judge.methods, 2)]
    else:
        sentences = [*judge.all_against_baselines(), *map(judge.first_on, judge.core)]
    if summary.comparisons:
        sentences.append(
            "“Clearly” and “better” mean that a paired test over piles tells two methods apart, with p below "
            f"{ALPHA:g} after Holm's correction for all {summary.comparisons} comparisons of this report."
        )
    return Verdict(judge.headline(), tuple(filter(None, sentences)), _caveats(summary, network, judge.core))


def _caveats(summary: Summary, network: NetworkFacts, core: Sequence[str]) -> tuple[str, ...]:
    """Return the limits of a verdict that counts the metrics `core`, those that hold for these numbers."""
    table = summary.table
    undefined = "Means leave them out and may flatter it."
    if table.strict:
        undefined = "They count as the worst value here, whatever the reason."
    text = (
        "These measures ask whether a map lies on the brick that it names. They do not ask whether the network used "
        "those pixels: a true explanation of a network that looks at the floor would score low."
    )
    limits, piles = [text], table.pile_count
    if piles < FEW_PILES:
        limits.append(
            f"Only {count_of(piles, 'pile')} of bricks stand behind these numbers: "
            "intervals are wide and rough. Small differences need more piles."
        )
    if piles < FEWEST_RESAMPLED:
        limits.append(
            f"With fewer than {FEWEST_RESAMPLED} piles means have Student's t intervals, which are too narrow for "
            "skewed scores; medians and standardised differences have none, since none would cover."
        )
    limits += zero_words(table)
    for method in table.methods:
        share = max(summary.cell(method, name).undefined_share for name in core)
        if share > MUCH_UNDEFINED:
            limits.append(
                f"{share:.0%} of the maps by {method.title} have no value on at least one measure (see the table). "
                f"{undefined}"
            )
    if network.map_macro is not None and network.map_macro < 0.6:
        limits.append(
            f"The network labels poorly (mean average precision {network.map_macro:.2f} on the validation split): "
            "maps off the brick may be the network's fault as much as the method's."
        )
    if network.predicted_share is not None and network.predicted_share < 0.7:
        limits.append(
            f"Only {network.predicted_share:.0%} of the explained parts were recognised by the network; "
            "the other maps explain a logit that says the part is absent."
        )
    if summary.comparisons:
        if 2 ** (1 - min(piles, 60)) * summary.comparisons >= ALPHA:
            limits.append(
                f"With {count_of(piles, 'pile')} and {summary.comparisons} comparisons no test can "
                "tell any two methods apart, however different they are: score more piles, or fewer methods."
            )
        limits.append(
            "“Not told apart” is no proof that two methods are alike: look how far their interval reaches. "
            "Intervals are not corrected for their number, tests are."
        )
    limits.append(
        "One network, one training run and one dataset: nothing here says how other networks behave."
        if network.runs == 1
        else f"{network.runs} training runs of one dataset: see below how much of the variation is theirs."
    )
    return tuple(limits)
