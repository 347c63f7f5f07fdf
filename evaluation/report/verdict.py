"""What the numbers say, in plain words, and what may not be concluded from them."""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class _Tally:
    better: tuple[str, ...]
    worse: tuple[str, ...]
    total: int


def decide(table: ScoreTable, summary: Summary, network: NetworkFacts) -> Verdict:
    """Return the verdict that the paired tests allow: a difference counts if its corrected p is below `ALPHA`."""
    core = core_metrics(table)
    methods = [method for method in table.methods if method.is_ranked]
    baselines = [method for method in table.methods if method.is_baseline]
    if len(methods) < MANY_METHODS:
        sentences = [_against_baselines(summary, method, baselines, core) for method in methods]
        sentences += _against_each_other(summary, methods, core)
    else:
        sentences = [_all_against_baselines(summary, methods, baselines, core)]
        sentences += [_first_on(table, summary, name) for name in core]
    if summary.comparisons:
        sentences.append(
            "“Clearly” and “better” mean that a paired test over piles tells two methods apart, with p below "
            f"{ALPHA:g} after Holm's correction for all {summary.comparisons} comparisons of this report."
        )
    return Verdict(
        headline=_headline(summary, methods, baselines, core),
        sentences=tuple(sentence for sentence in sentences if sentence),
        caveats=_caveats(table, summary, network, core),
    )


def core_metrics(table: ScoreTable) -> list[str]:
    """Return the metrics that the verdict counts: those of `CORE` that were scored, else all."""
    localising = [name for name in table.metrics if MEASURES[name].is_localization]
    return [name for name in CORE if name in table.metrics] or localising or list(table.metrics)


def _tally(summary: Summary, first: MethodLabel, second: MethodLabel, core: Sequence[str]) -> _Tally:
    signs = {name: summary.difference(name, first, second).sign for name in core}
    better = tuple(short_title(name) for name in core if signs[name] > 0)
    worse = tuple(short_title(name) for name in core if signs[name] < 0)
    return _Tally(better, worse, len(core))


def _headline(
    summary: Summary, methods: Sequence[MethodLabel], baselines: Sequence[MethodLabel], core: Sequence[str]
) -> str:
    if not methods:
        return "Only baselines were scored: there is no explanation to judge yet."
    if not MEASURES[core[0]].is_localization:
        return "Nothing was scored that asks whether maps find the bricks: see the tables for what was."
    leader = _leader(summary, methods, core)
    if leader is None:
        names = listed([method.title for method in methods], "or")
        text = f"These pictures do not say whether {names} finds the bricks better"
        if len(methods) >= MANY_METHODS:
            text = f"No one of the {len(methods)} explanations finds the bricks better than all others"
        failing = [method for method in methods if _beaten(summary, method, baselines, core)]
        if len(failing) == len(methods):
            nobody = "neither" if len(methods) == 2 else "none"
            return f"{text}, and {nobody} does clearly better than a map that knows nothing of the network."
        return f"{text}."
    if len(methods) > 1:
        others = listed([method.title for method in methods if method != leader], "or")
        if len(methods) >= MANY_METHODS:
            others = f"the other {len(methods) - 1} explanations"
        text = f"{leader.title} finds the bricks better than {others}"
    else:
        text = f"{leader.title} finds the bricks"
    beaten = _beaten(summary, leader, baselines, core)
    if beaten:
        maps = "maps that know" if len(beaten) > 1 else "a map that knows"
        others = listed(beaten, "or")
        return f"{text}, but not clearly better than {others}: {maps} nothing of the network."
    if baselines:
        return f"{text}, and better than every map that knows nothing of the network."
    return f"{text}; no baseline was scored beside it."


def _leader(summary: Summary, methods: Sequence[MethodLabel], core: Sequence[str]) -> MethodLabel | None:
    """Return the one method that is better than each other one somewhere and worse nowhere, if there is one."""
    for method in methods:
        tallies = [_tally(summary, method, other, core) for other in methods if other != method]
        if all(tally.better and not tally.worse for tally in tallies):
            return method
    return None


def _beaten(summary: Summary, method: MethodLabel, baselines: Sequence[MethodLabel], core: Sequence[str]) -> list[str]:
    """Return the baselines that `method` does not beat on more than half of the metrics, or that beat it somewhere."""
    beaten = []
    for baseline in baselines:
        tally = _tally(summary, method, baseline, core)
        if 2 * len(tally.better) <= tally.total or tally.worse:
            beaten.append(_plain(baseline))
    return beaten


def _plain(baseline: MethodLabel) -> str:
    words = {
        "random": "random noise",
        "center_gaussian": "a bump in the middle of the picture",
        "edges": "the picture's edges",
        "uniform": "a uniform map",
    }
    return words.get(baseline.name, baseline.title)


def _against_baselines(
    summary: Summary, method: MethodLabel, baselines: Sequence[MethodLabel], core: Sequence[str]
) -> str:
    tallies = [(baseline, _tally(summary, method, baseline, core)) for baseline in baselines]
    higher = [f"than {_plain(baseline)} on {len(tally.better)}" for baseline, tally in tallies if tally.better]
    lower = [f"than {_plain(baseline)} on {len(tally.worse)}" for baseline, tally in tallies if tally.worse]
    cell = summary.cell(method, core[0])
    text = (
        f"{method.title}: {short_title(core[0])} {_number(cell.interval.mean)}"
        f"{_range(cell.interval.low, cell.interval.high)}, where chance is {_number(cell.chance)}."
    )
    if tallies:
        count = f"{len(core)} measures" if len(core) > 1 else "one measure"
        text += (
            f" Of {count} it is clearly better {listed(higher)}"
            if higher
            else f" Of {count} it is clearly better on none"
        )
        text += f", and clearly worse {listed(lower)}." if lower else ", and nowhere clearly worse."
    return text


def _against_each_other(summary: Summary, methods: Sequence[MethodLabel], core: Sequence[str]) -> list[str]:
    sentences = []
    for number, first in enumerate(methods):
        for second in methods[number + 1 :]:
            tally = _tally(summary, first, second, core)
            unclear = tally.total - len(tally.better) - len(tally.worse)
            parts = [f"{first.title} is better on {listed(tally.better)}"] if tally.better else []
            parts += [f"{second.title} is better on {listed(tally.worse)}"] if tally.worse else []
            if unclear:
                parts.append(
                    f"{unclear} of {tally.total} measures {'does' if unclear == 1 else 'do'} not tell them apart"
                )
            pairs = summary.difference(core[0], first, second).interval.values
            sentences.append(f"On the {pairs} pairs of picture and part that both explain, {'; '.join(parts)}.")
    return sentences


def _all_against_baselines(
    summary: Summary, methods: Sequence[MethodLabel], baselines: Sequence[MethodLabel], core: Sequence[str]
) -> str:
    if not baselines:
        return ""
    failing = {method.title: _beaten(summary, method, baselines, core) for method in methods}
    passed = [title for title, beaten in failing.items() if not beaten]
    knows = "of the maps that know nothing of the network"
    if not passed:
        return f"No explanation is clearly better than each {knows}."
    failed = [f"{title} (against {listed(beaten)})" for title, beaten in failing.items() if beaten]
    text = f"{listed(passed)} {'is' if len(passed) == 1 else 'are'} clearly better than each {knows}"
    return f"{text}; {listed(failed)} {'is' if len(failed) == 1 else 'are'} not." if failed else f"{text}."


def _first_on(table: ScoreTable, summary: Summary, metric: str) -> str:
    """Return who leads on one metric by mean rank, and who is not told apart from it."""
    if metric not in summary.rankings:
        return ""
    ranking = summary.rankings[metric]
    ranked = [table.methods[number] for number in ranking.order if table.methods[number].is_ranked]
    if not ranked:
        return ""
    leader, *others = ranked
    cell = summary.cell(leader, metric)
    near = [other for other in others if not summary.difference(metric, leader, other).sign]
    text = (
        f"On {short_title(metric)} {leader.title} comes first in the mean rank over piles: "
        f"{_number(cell.interval.mean)}{_range(cell.interval.low, cell.interval.high)}, "
        f"where chance is {_number(cell.chance)}."
    )
    if not near:
        return f"{text} It is told apart from every other explanation."
    if len(near) == len(others):
        return f"{text} It is told apart from no other explanation."
    return f"{text} It is not told apart from {listed([other.title for other in near])}."


def _caveats(table: ScoreTable, summary: Summary, network: NetworkFacts, core: Sequence[str]) -> tuple[str, ...]:
    """Return the limits of a verdict that counts the metrics `core`, those that hold for these numbers."""
    limits = [
        (
            "These measures ask whether a map lies on the brick that it names. They do not ask whether the network "
            "used those pixels: a true explanation of a network that looks at the floor would score low."
        )
    ]
    piles = table.pile_count
    if piles < FEW_PILES:
        limits.append(
            f"Only {piles} {'pile' if piles == 1 else 'piles'} of bricks stand behind these numbers: "
            "intervals are wide and rough. Small differences need more piles."
        )
    for method in table.methods:
        share = max(summary.cell(method, name).undefined_share for name in core)
        if share > MUCH_UNDEFINED:
            limits.append(
                f"{share:.0%} of the maps by {method.title} have no value on at least one measure (see the table). "
                + (
                    "They count as the worst value here, whatever the reason."
                    if table.strict
                    else "Means leave them out and may flatter it."
                )
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
                f"With {piles} {'pile' if piles == 1 else 'piles'} and {summary.comparisons} comparisons no test can "
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


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else "unknown"


def _range(low: float, high: float) -> str:
    return f" ({low:.2f} to {high:.2f})" if low == low else ""
