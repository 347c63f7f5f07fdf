"""What the numbers say, in plain words, and what may not be concluded from them."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.localization import METRICS
from evaluation.summary import Summary
from evaluation.table import MethodLabel, ScoreTable

CORE = ("pointing_game", "mass_accuracy", "rank_accuracy", "iou_fixed")
"""Metrics that the verdict counts. The others say the same again in other units (lift) or see the same order of
pixels (AUROC, AP), and would count it twice."""
FEW_PILES = 30
MUCH_UNDEFINED = 0.05


@dataclass(frozen=True)
class NetworkFacts:
    """What is known of the network that was explained; None where it is not."""

    map_macro: float | None = None
    """Mean average precision on the val split."""
    predicted_share: float | None = None
    """Share of the explained pairs for which the network's logit is above 0."""


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
    """Return the verdict that the intervals of paired differences allow; a difference counts if its interval is."""
    core = [name for name in CORE if name in table.metrics] or list(table.metrics)
    methods = [method for method in table.methods if method.is_ranked]
    baselines = [method for method in table.methods if method.is_baseline]
    sentences = [_against_baselines(summary, method, baselines, core) for method in methods]
    sentences += _against_each_other(summary, methods, core)
    return Verdict(
        headline=_headline(summary, methods, baselines, core),
        sentences=tuple(sentence for sentence in sentences if sentence),
        caveats=_caveats(table, summary, network, core),
    )


def _tally(summary: Summary, first: MethodLabel, second: MethodLabel, core: Sequence[str]) -> _Tally:
    signs = {name: summary.difference(name, first, second).sign for name in core}
    better = tuple(_mid(name) for name in core if signs[name] > 0)
    worse = tuple(_mid(name) for name in core if signs[name] < 0)
    return _Tally(better, worse, len(core))


def _headline(
    summary: Summary, methods: Sequence[MethodLabel], baselines: Sequence[MethodLabel], core: Sequence[str]
) -> str:
    if not methods:
        return "Only baselines were scored: there is no explanation to judge yet."
    leader = _leader(summary, methods, core)
    if leader is None:
        names = _or([method.title for method in methods])
        text = f"These pictures do not say whether {names} finds the bricks better"
        failing = [method for method in methods if _beaten(summary, method, baselines, core)]
        if len(failing) == len(methods):
            nobody = "neither" if len(methods) == 2 else "none"
            return f"{text}, and {nobody} does clearly better than a map that knows nothing of the network."
        return f"{text}."
    if len(methods) > 1:
        others = _or([method.title for method in methods if method != leader])
        text = f"{leader.title} finds the bricks better than {others}"
    else:
        text = f"{leader.title} finds the bricks"
    beaten = _beaten(summary, leader, baselines, core)
    if beaten:
        knows = "know" if len(beaten) > 1 else "knows"
        return f"{text}, but not clearly better than {_or(beaten)}, which {knows} nothing of the network."
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
        f"{method.title}: {_mid(core[0])} {_number(cell.interval.mean)}"
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


def _caveats(table: ScoreTable, summary: Summary, network: NetworkFacts, core: Sequence[str]) -> tuple[str, ...]:
    caveats = [
        (
            "These measures ask whether a map lies on the brick that it names. They do not ask whether the network "
            "used those pixels: a true explanation of a network that looks at the floor would score low."
        )
    ]
    piles = len(set(table.piles.tolist()))
    if piles < FEW_PILES:
        caveats.append(
            f"Only {piles} {'pile' if piles == 1 else 'piles'} of bricks stand behind these numbers: "
            "intervals are wide and rough. Small differences need more piles."
        )
    for method in table.methods:
        share = max(summary.cell(method, name).undefined_share for name in core)
        if share > MUCH_UNDEFINED:
            caveats.append(
                f"{share:.0%} of the maps by {method.title} have no value on at least one measure (see the table). "
                "Means leave them out and may flatter it."
            )
    if network.map_macro is not None and network.map_macro < 0.6:
        caveats.append(
            f"The network labels poorly (mean average precision {network.map_macro:.2f} on the validation split): "
            "maps off the brick may be the network's fault as much as the method's."
        )
    if network.predicted_share is not None and network.predicted_share < 0.7:
        caveats.append(
            f"Only {network.predicted_share:.0%} of the explained parts were recognised by the network; "
            "the other maps explain a logit that says the part is absent."
        )
    comparisons = len(core) * len(table.methods) * (len(table.methods) - 1) // 2
    if comparisons > 1:
        caveats.append(
            f"{comparisons} comparisons are made at 95 % each, without correction: "
            f"about {max(1, round(comparisons / 20))} would look clear by luck if no methods differed."
        )
    caveats.append("One network, one training run and one dataset: nothing here says how other networks behave.")
    return tuple(caveats)


def _mid(metric: str) -> str:
    """Return a metric's title as it stands within a sentence: "pointing game", but "IoU at half maximum"."""
    title = METRICS[metric].title
    return title[0].lower() + title[1:] if title[1].islower() and not title.startswith("IoU") else title


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
