"""What the numbers say, in plain words, and what may not be concluded from them."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.localization.registry import METRICS
from evaluation.measures import short_title
from evaluation.report.caveats import NetworkFacts, caveats
from evaluation.statistics.summary import ALPHA, Summary
from evaluation.statistics.table import MethodLabel, ScoreTable

CORE = ("pointing_game", "mass_accuracy", "rank_accuracy", "iou_fixed")
"""Metrics that the verdict counts. The others say the same again in other units (lift) or see the same order of
pixels (AUROC, AP), and would count it twice."""
MANY_METHODS = 4
"""From so many explanations on, they are spoken of together: a sentence for each pair would be no summary."""


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
        caveats=caveats(table, summary, network, core),
    )


def core_metrics(table: ScoreTable) -> list[str]:
    """Return the metrics that the verdict counts: those of `CORE` that were scored, else all."""
    localising = [name for name in table.metrics if name in METRICS]
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
    if core[0] not in METRICS:
        return "Nothing was scored that asks whether maps find the bricks: see the tables for what was."
    leader = _leader(summary, methods, core)
    if leader is None:
        names = _or([method.title for method in methods])
        text = f"These pictures do not say whether {names} finds the bricks better"
        if len(methods) >= MANY_METHODS:
            text = f"No one of the {len(methods)} explanations finds the bricks better than all others"
        failing = [method for method in methods if _beaten(summary, method, baselines, core)]
        if len(failing) == len(methods):
            nobody = "neither" if len(methods) == 2 else "none"
            return f"{text}, and {nobody} does clearly better than a map that knows nothing of the network."
        return f"{text}."
    if len(methods) > 1:
        others = _or([method.title for method in methods if method != leader])
        if len(methods) >= MANY_METHODS:
            others = f"the other {len(methods) - 1} explanations"
        text = f"{leader.title} finds the bricks better than {others}"
    else:
        text = f"{leader.title} finds the bricks"
    beaten = _beaten(summary, leader, baselines, core)
    if beaten:
        maps = "maps that know" if len(beaten) > 1 else "a map that knows"
        return f"{text}, but not clearly better than {_or(beaten)}: {maps} nothing of the network."
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
            f" Of {count} it is clearly better {_and(higher)}"
            if higher
            else f" Of {count} it is clearly better on none"
        )
        text += f", and clearly worse {_and(lower)}." if lower else ", and nowhere clearly worse."
    return text


def _against_each_other(summary: Summary, methods: Sequence[MethodLabel], core: Sequence[str]) -> list[str]:
    sentences = []
    for place, first in enumerate(methods):
        for second in methods[place + 1 :]:
            tally = _tally(summary, first, second, core)
            unclear = tally.total - len(tally.better) - len(tally.worse)
            parts = [f"{first.title} is better on {_and(tally.better)}"] if tally.better else []
            parts += [f"{second.title} is better on {_and(tally.worse)}"] if tally.worse else []
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
    failed = [f"{title} (against {_and(beaten)})" for title, beaten in failing.items() if beaten]
    text = f"{_and(passed)} {'is' if len(passed) == 1 else 'are'} clearly better than each {knows}"
    return f"{text}; {_and(failed)} {'is' if len(failed) == 1 else 'are'} not." if failed else f"{text}."


def _first_on(table: ScoreTable, summary: Summary, metric: str) -> str:
    """Return who leads on one metric by mean rank, and who is not told apart from it."""
    if metric not in summary.rankings:
        return ""
    ranking = summary.rankings[metric]
    first = next((place for place in ranking.order if table.methods[place].is_ranked), None)
    if first is None:
        return ""
    leader = table.methods[first]
    cell = summary.cell(leader, metric)
    others = [place for place in ranking.order if place != first and table.methods[place].is_ranked]
    near = [place for place in others if not summary.difference(metric, leader, table.methods[place]).sign]
    text = (
        f"On {short_title(metric)} {leader.title} comes first in the mean rank over piles: "
        f"{_number(cell.interval.mean)}{_range(cell.interval.low, cell.interval.high)}, "
        f"where chance is {_number(cell.chance)}."
    )
    if not near:
        return f"{text} It is told apart from every other explanation."
    if len(near) == len(others):
        return f"{text} It is told apart from no other explanation."
    return f"{text} It is not told apart from {_and([table.methods[place].title for place in near])}."


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else "unknown"


def _range(low: float, high: float) -> str:
    return f" ({low:.2f} to {high:.2f})" if low == low else ""


def _and(words: Sequence[str]) -> str:
    return _joined(words, "and")


def _or(words: Sequence[str]) -> str:
    return _joined(words, "or")


def _joined(words: Sequence[str], last: str) -> str:
    return ", ".join(words[:-1]) + f" {last} {words[-1]}" if len(words) > 1 else "".join(words)
