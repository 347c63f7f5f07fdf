"""What the numbers say, in plain words, and what may not be concluded from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from core.cli import count_of
from evaluation.measures import MEASURES, short_title
from evaluation.report.words import listed
from evaluation.statistics.comparison import ALPHA
from evaluation.statistics.summary import Summary
from evaluation.statistics.table import MethodLabel, ScoreTable

CORE = ("pointing_game", "mass_accuracy", "rank_accuracy", "iou_fixed")
"""Metrics that the verdict counts. The others say the same again in other units (lift) or see the same order of
pixels (AUROC, AP), and would count it twice."""
FEW_PILES = 30
MUCH_UNDEFINED = 0.05
MANY_METHODS = 4
"""From so many explanations on, they are spoken of together: a sentence for each pair would be no summary."""
_PLAIN = {
    "random": "random noise",
    "center_gaussian": "a bump in the middle of the picture",
    "edges": "the picture's edges",
    "uniform": "a uniform map",
}
"""Baselines in words, by name."""


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
    judge = _Judge(summary)
    if len(judge.methods) < MANY_METHODS:
        sentences = [judge.against_baselines(method) for method in judge.methods]
        sentences += [judge.against_each_other(*pair) for pair in combinations(judge.methods, 2)]
    else:
        sentences = [judge.all_against_baselines(), *map(judge.first_on, judge.core)]
    if summary.comparisons:
        sentences.append(
            "“Clearly” and “better” mean that a paired test over piles tells two methods apart, with p below "
            f"{ALPHA:g} after Holm's correction for all {summary.comparisons} comparisons of this report."
        )
    return Verdict(judge.headline(), tuple(filter(None, sentences)), _caveats(summary, network, judge.core))


def core_metrics(table: ScoreTable) -> list[str]:
    """Return the metrics that the verdict counts: those of `CORE` that were scored, else all."""
    localising = [name for name in table.metrics if MEASURES[name].is_localization]
    return [name for name in CORE if name in table.metrics] or localising or list(table.metrics)


class _Judge:
    """Compares explanations with baselines and with each other on the metrics that count."""

    def __init__(self, summary: Summary) -> None:
        self._summary, self._table = summary, summary.table
        self.core = core_metrics(summary.table)
        self.methods = [method for method in summary.table.methods if method.is_ranked]
        self._baselines = [method for method in summary.table.methods if method.is_baseline]

    def headline(self) -> str:
        methods = self.methods
        if not methods:
            return "Only baselines were scored: there is no explanation to judge yet."
        if not MEASURES[self.core[0]].is_localization:
            return "Nothing was scored that asks whether maps find the bricks: see the tables for what was."
        leader = self._leader()
        if leader is None:
            names = listed([method.title for method in methods], "or")
            text = f"These pictures do not say whether {names} finds the bricks better"
            if len(methods) >= MANY_METHODS:
                text = f"No one of the {len(methods)} explanations finds the bricks better than all others"
            if all(map(self._unbeaten, methods)):
                nobody = "neither" if len(methods) == 2 else "none"
                return f"{text}, and {nobody} does clearly better than a map that knows nothing of the network."
            return f"{text}."
        text = f"{leader.title} finds the bricks"
        if len(methods) > 1:
            others = listed([method.title for method in methods if method != leader], "or")
            if len(methods) >= MANY_METHODS:
                others = f"the other {len(methods) - 1} explanations"
            text += f" better than {others}"
        unbeaten = self._unbeaten(leader)
        if unbeaten:
            maps = "maps that know" if len(unbeaten) > 1 else "a map that knows"
            return f"{text}, but not clearly better than {listed(unbeaten, 'or')}: {maps} nothing of the network."
        if self._baselines:
            return f"{text}, and better than every map that knows nothing of the network."
        return f"{text}; no baseline was scored beside it."

    def against_baselines(self, method: MethodLabel) -> str:
        signs = {_plain(baseline): self._signs(method, baseline) for baseline in self._baselines}
        higher = [f"than {name} on {found.count(1)}" for name, found in signs.items() if 1 in found]
        lower = [f"than {name} on {found.count(-1)}" for name, found in signs.items() if -1 in found]
        text = f"{method.title}: {short_title(self.core[0])} {self._mean(method, self.core[0])}."
        if signs:
            count = f"{len(self.core)} measures" if len(self.core) > 1 else "one measure"
            text += f" Of {count} it is clearly better {listed(higher) if higher else 'on none'}"
            text += f", and clearly worse {listed(lower)}." if lower else ", and nowhere clearly worse."
        return text

    def against_each_other(self, first: MethodLabel, second: MethodLabel) -> str:
        signs = self._signs(first, second)
        by_sign = {sign: [name for name, own in zip(self.core, signs, strict=True) if own == sign] for sign in (1, -1)}
        parts = [
            f"{method.title} is better on {listed(list(map(short_title, by_sign[sign])))}"
            for method, sign in ((first, 1), (second, -1))
            if by_sign[sign]
        ]
        unclear = signs.count(0)
        if unclear:
            parts.append(f"{unclear} of {len(signs)} measures {'does' if unclear == 1 else 'do'} not tell them apart")
        pairs = self._summary.difference(self.core[0], first, second).interval.values
        return f"On the {pairs} pairs of picture and part that both explain, {'; '.join(parts)}."

    def all_against_baselines(self) -> str:
        if not self._baselines:
            return ""
        unbeaten = {method.title: self._unbeaten(method) for method in self.methods}
        passed = [title for title, names in unbeaten.items() if not names]
        failed = [f"{title} (against {listed(names)})" for title, names in unbeaten.items() if names]
        knows = "of the maps that know nothing of the network"
        if not passed:
            return f"No explanation is clearly better than each {knows}."
        text = f"{listed(passed)} {'is' if len(passed) == 1 else 'are'} clearly better than each {knows}"
        return f"{text}; {listed(failed)} {'is' if len(failed) == 1 else 'are'} not." if failed else f"{text}."

    def first_on(self, metric: str) -> str:
        """Return who leads on one metric by mean rank, and who is not told apart from it."""
        if metric not in self._summary.rankings:
            return ""
        order = [self._table.methods[number] for number in self._summary.rankings[metric].order]
        leader, *others = [method for method in order if method.is_ranked]
        near = [other.title for other in others if not self._summary.difference(metric, leader, other).sign]
        apart = f"not told apart from {listed(near)}" if near else "told apart from every other explanation"
        if near and len(near) == len(others):
            apart = "told apart from no other explanation"
        return (
            f"On {short_title(metric)} {leader.title} comes first in the mean rank over piles: "
            f"{self._mean(leader, metric)}. It is {apart}."
        )

    def _signs(self, first: MethodLabel, second: MethodLabel) -> list[int]:
        """Return for each metric that counts whether `first` is better (1), worse (-1) or not told apart (0)."""
        return [self._summary.difference(name, first, second).sign for name in self.core]

    def _leader(self) -> MethodLabel | None:
        """Return the one method that is better than each other one somewhere and worse nowhere, if there is one."""
        for method in self.methods:
            signs = [self._signs(method, other) for other in self.methods if other != method]
            if all(1 in one and -1 not in one for one in signs):
                return method
        return None

    def _unbeaten(self, method: MethodLabel) -> list[str]:
        """Return the baselines that `method` does not beat on more than half of the metrics, or that beat it on one."""
        signs = {_plain(baseline): self._signs(method, baseline) for baseline in self._baselines}
        return [name for name, found in signs.items() if 2 * found.count(1) <= len(found) or -1 in found]

    def _mean(self, method: MethodLabel, metric: str) -> str:
        cell = self._summary.cell(method, metric)
        low, high = cell.interval.low, cell.interval.high
        ends = f" ({low:.2f} to {high:.2f})" if low == low else ""
        return f"{_number(cell.interval.mean)}{ends}, where chance is {_number(cell.chance)}"


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


def _plain(baseline: MethodLabel) -> str:
    return _PLAIN.get(baseline.name, baseline.title)


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else "unknown"
