"""Explanations held against baselines and each other, in words: on which measures one is clearly better, or worse."""

from collections.abc import Sequence

from evaluation.measures import MEASURES, short_title
from evaluation.report.words import listed
from evaluation.statistics.summary import Summary
from evaluation.statistics.table import MethodLabel, ScoreTable

CORE = ("pointing_game", "mass_accuracy", "rank_accuracy", "iou_fixed")
"""Metrics that the verdict counts. The others say the same again in other units (lift) or see the same order of
pixels (AUROC, AP), and would count it twice."""
WITHIN_A_CELL = "pointing_game_cell"
MANY_METHODS = 4
"""From so many explanations on, they are spoken of together: a sentence for each pair would be no summary."""
KNOWS_NOTHING = "a map that knows nothing of the network"
_PLAIN = {
    "random": "random noise",
    "center_gaussian": "a bump in the middle of the picture",
    "edges": "the picture's edges",
    "uniform": "a uniform map",
}
"""Baselines in words, by name."""


def core_metrics(table: ScoreTable) -> list[str]:
    """Return the metrics that the verdict counts: those of `CORE` that were scored, else all."""
    localising = [name for name in table.metrics if MEASURES[name].is_localization]
    return [name for name in CORE if name in table.metrics] or localising or list(table.metrics)


class Judge:
    """Compares explanations with baselines and with each other, on the metrics that apply to both of two."""

    def __init__(self, summary: Summary) -> None:
        """Take the numbers."""
        self._summary, self._table = summary, summary.table
        self.core = core_metrics(summary.table)
        self._localising = [
            name
            for name in summary.table.metrics
            if MEASURES[name].is_localization and MEASURES[name].compared and name not in summary.repeated
        ]
        self.methods = [method for method in summary.table.methods if method.is_ranked]
        self._baselines = [method for method in summary.table.methods if method.is_baseline]

    def headline(self) -> str:
        """Return the sentence that says it all: who is best, and which baseline is not beaten."""
        methods = self.methods
        if not methods:
            return "Only baselines were scored: there is no explanation to judge yet."
        if not MEASURES[self.core[0]].is_localization:
            return "Nothing was scored that asks whether maps find the bricks: see the tables for what was."
        leader = self._leader()
        if leader is None:
            return f"{self._no_leader()}."
        text = f"{leader.title} finds the bricks"
        if len(methods) > 1:
            others = listed([method.title for method in methods if method != leader], "or")
            if len(methods) >= MANY_METHODS:
                others = f"the other {len(methods) - 1} explanations"
            text += f" better than {others}"
        unbeaten = self._unbeaten(leader)
        if unbeaten:
            return f"{text}, but not clearly better than {_naming(unbeaten)}."
        if not self._baselines:
            return f"{text}; no baseline was scored beside it."
        worse = self._worse_than_baselines(leader)
        but = f"; but it is clearly worse {worse}" if worse else ""
        return f"{text}, and better than every map that knows nothing of the network{but}."

    def _no_leader(self) -> str:
        methods = self.methods
        text = (
            f"These pictures do not say whether {listed([one.title for one in methods], 'or')} finds the bricks better"
        )
        if len(methods) >= MANY_METHODS:
            text = f"No one of the {len(methods)} explanations finds the bricks better than all others"
        unbeaten = {method.title: self._unbeaten(method) for method in methods}
        shared = [name for name in next(iter(unbeaten.values())) if all(name in own for own in unbeaten.values())]
        nobody = "neither" if len(methods) == 2 else "none"
        if shared:
            return f"{text}, and {nobody} does clearly better than {_naming(shared)}"
        failed = [f"{title} not better than {listed(own, 'or')}" for title, own in unbeaten.items() if own]
        if len(failed) == len(methods):
            return f"{text}, and {nobody} beats every map that knows nothing of the network: {listed(failed)}"
        return f"{text}; {listed(failed)}" if failed and len(methods) < MANY_METHODS else text

    def against_baselines(self, method: MethodLabel) -> str:
        """Return how one explanation does, and against which baselines it does better or worse, on which measures."""
        core = self._applying(self.core, method)
        if not core:
            return f"{method.title}: none of the {len(self.core)} core measures applies to it."
        text = f"{method.title}: {self._stated(method, core[0])}."
        if not self._baselines:
            return text
        better = []
        for baseline in self._baselines:
            count = list(self._signs(method, baseline, core).values()).count(1)
            if count:
                better.append(f"than {_plain(baseline)} on {count}")
        measures = f"{len(core)} core measures" if len(core) > 1 else "one core measure"
        if len(core) < len(self.core):
            measures += " that apply to it" if len(core) > 1 else " that applies to it"
        text += f" Of {measures} it is clearly better {listed(better) if better else 'on none'}."
        localising = self._applying(self._localising, method)
        worse = self._worse_than_baselines(method)
        if len(localising) > len(core) or worse:
            all_of_them = f"all {len(localising)} localisation measures" if len(localising) > 1 else "one measure"
            if len(localising) < len(self._localising):
                all_of_them += " that apply to it"
            text += f" Of {all_of_them} it is clearly worse {worse or 'on none'}."
        return text

    def against_each_other(self, first: MethodLabel, second: MethodLabel) -> str:
        """Return on which of the core measures that apply to both one is better than the other."""
        signs = self._signs(first, second, self.core)
        if not signs:
            return f"None of the {len(self.core)} core measures applies to both {first.title} and {second.title}."
        parts = []
        for method, sign in ((first, 1), (second, -1)):
            names = [short_title(name) for name, own in signs.items() if own == sign]
            if names:
                parts.append(f"{method.title} is better on {listed(names)}")
        unclear = list(signs.values()).count(0)
        if unclear:
            parts.append(f"{unclear} of {len(signs)} measures {'does' if unclear == 1 else 'do'} not tell them apart")
        if len(signs) < len(self.core):
            parts.append(
                f"{len(signs)} of {len(self.core)} core measures appl{'ies' if len(signs) == 1 else 'y'} to both"
            )
        difference = self._summary.difference(next(iter(signs)), first, second)
        assert difference is not None, "the measure applies to both"
        return f"On the {difference.interval.values} pairs of picture and part that both explain, {'; '.join(parts)}."

    def all_against_baselines(self) -> list[str]:
        """Return which of many explanations beat every baseline, and which are worse than one on some measure."""
        if not self._baselines:
            return []
        unbeaten = {method.title: self._unbeaten(method) for method in self.methods}
        passed = [title for title, names in unbeaten.items() if not names]
        failed = [f"{title} (against {listed(names)})" for title, names in unbeaten.items() if names]
        knows = "of the maps that know nothing of the network"
        text = f"No explanation is clearly better than each {knows}: {listed(failed)} are not."
        if passed:
            text = f"{listed(passed)} {'is' if len(passed) == 1 else 'are'} clearly better than each {knows}"
            text += f"; {listed(failed)} {'is' if len(failed) == 1 else 'are'} not." if failed else "."
        worse = [(method, self._worse_than_baselines(method, counts=True)) for method in self.methods]
        told = [f"{method.title} ({words})" for method, words in worse if words]
        count = f"Of all {len(self._localising)} localisation measures, as far as they apply,"
        beaten = f"{count} {listed(told)} {'is' if len(told) == 1 else 'are'} clearly worse than a baseline on some."
        return [text, beaten if told else f"{count} no explanation is clearly worse than a baseline on any."]

    def first_on(self, metric: str) -> str:
        """Return who leads on one metric by mean rank, and who is not told apart from it."""
        if metric not in self._summary.rankings:
            return ""
        order = [self._table.methods[number] for number in self._summary.rankings[metric].order]
        ranked = [method for method in order if method.is_ranked]
        if not ranked:
            return ""
        leader, *others = ranked
        near = [other.title for other in others if not self._signs(leader, other, [metric]).get(metric)]
        apart = f"not told apart from {listed(near)}" if near else "told apart from every other explanation"
        if near and len(near) == len(others):
            apart = "told apart from no other explanation"
        among = "" if len(ranked) == len(self.methods) else f" of the {len(ranked)} explanations that it applies to"
        if len(ranked) == 1:
            return f"{MEASURES[metric].title} applies to {leader.title} alone: {self._stated(leader, metric)}."
        return (
            f"On {short_title(metric)} {leader.title} comes first{among} in the mean rank over piles: "
            f"{self._stated(leader, metric, named=False)}. It is {apart}."
        )

    def _signs(self, first: MethodLabel, second: MethodLabel, metrics: Sequence[str]) -> dict[str, int]:
        """Return by metric, of those that apply to both, whether `first` is better (1), worse (-1) or neither (0)."""
        found = {name: self._summary.difference(name, first, second) for name in metrics}
        return {name: difference.sign for name, difference in found.items() if difference is not None}

    def _applying(self, metrics: Sequence[str], method: MethodLabel) -> list[str]:
        return [name for name in metrics if self._table.applies(method, name)]

    def _leader(self) -> MethodLabel | None:
        """Return the one method that is better than each other one somewhere and worse nowhere, if there is one."""
        for method in self.methods:
            signs = [self._signs(method, other, self.core).values() for other in self.methods if other != method]
            if all(1 in one and -1 not in one for one in signs):
                return method
        return None

    def _unbeaten(self, method: MethodLabel) -> list[str]:
        """Return the baselines that `method` does not beat on more than half of the metrics, or that beat it on one."""
        found = {_plain(one): list(self._signs(method, one, self.core).values()) for one in self._baselines}
        return [name for name, signs in found.items() if 2 * signs.count(1) <= len(signs) or -1 in signs]

    def _worse_than_baselines(self, method: MethodLabel, *, counts: bool = False) -> str:
        """Return such as ``than random noise on lift``, over all localisation measures; empty where nowhere.

        With `counts` there is the number of measures in place of their names.
        """
        told = []
        for baseline in self._baselines:
            signs = self._signs(method, baseline, self._localising)
            names = [short_title(name) for name, sign in signs.items() if sign < 0]
            if names:
                told.append(f"than {_plain(baseline)} on {len(names) if counts else listed(names)}")
        return listed(told)

    def _stated(self, method: MethodLabel, metric: str, *, named: bool = True) -> str:
        """Return a mean with its interval and chance level; beside the pointing game that within one cell."""
        text = f"{short_title(metric)} {self._mean(method, metric)}" if named else self._mean(method, metric)
        if metric == "pointing_game" and WITHIN_A_CELL in self._table.metrics:
            text += f", and within one cell of its own grid {self._mean(method, WITHIN_A_CELL)}"
        return text

    def _mean(self, method: MethodLabel, metric: str) -> str:
        cell = self._summary.cell(method, metric)
        low, high = cell.interval.low, cell.interval.high
        ends = f" ({low:.2f} to {high:.2f})" if low == low else ""
        return f"{_number(cell.interval.mean)}{ends}, where chance is {_number(cell.chance)}"


def _naming(baselines: Sequence[str]) -> str:
    maps = KNOWS_NOTHING if len(baselines) == 1 else "maps that know nothing of the network"
    return f"{listed(baselines, 'or')}: {maps}"


def _plain(baseline: MethodLabel) -> str:
    return _PLAIN.get(baseline.name, baseline.title)


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else "unknown"
