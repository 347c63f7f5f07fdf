"""Where a method's maps lie at all, before parts are held against each other: against chance, edges, mask and twins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.findings.material import FLOOR, Material
from evaluation.intervals import FloatArray, Interval, mean_interval
from evaluation.measures import MEASURES, short_title
from evaluation.statistics.comparison import ALPHA
from evaluation.statistics.effects import corrected_effects

PLACES = ("pointing_game", "mass_accuracy", FLOOR)
"""Measures that say where maps lie, in the order of the page."""
MOSTLY = 0.5
"""Share of the map, or of the maps' highest points, from which on they are said to lie mostly off the bricks."""


@dataclass(frozen=True)
class Against:
    """The maps against a level, or other maps, on the same pairs."""

    name: str
    """``chance`` or a baseline's name."""
    mean: float
    """Of the other, over the pairs where both have a value."""
    p_corrected: float
    """Holm's, over all comparisons of the page's first section."""
    sign: int
    """1 where the maps are better by the corrected test, -1 where worse, 0 where not told apart."""


@dataclass(frozen=True)
class Standing:
    """The maps on one measure."""

    metric: str
    interval: Interval
    against: tuple[Against, ...]
    oracle: float
    """Mean of the mask itself as a map; NaN where it was not scored."""
    all_parts_off: bool
    """Whether in the mean of every part the maps lie mostly off the bricks."""

    @property
    def is_off(self) -> bool:
        """Whether the maps lie mostly off the bricks, by their interval and for all parts."""
        end = self.interval.low if MEASURES[self.metric].direction == "lower" else 1 - self.interval.high
        return self.all_parts_off and bool(end > MOSTLY)

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"metric": self.metric, **self.interval.as_row(), "oracle": self.oracle}
        for one in self.against:
            row |= {one.name: one.mean, f"{one.name}_p_holm": one.p_corrected, f"{one.name}_sign": one.sign}
        return row | {"piles": self.interval.piles, "mostly_off_the_bricks": self.is_off}


def stand(material: Material, *, seed: int) -> list[Standing]:
    """Return where the maps lie by each of `PLACES` that was scored and applies, against chance and edges."""
    table = material.table
    metrics = [name for name in PLACES if name in table.metrics and table.applies(material.label, name)]
    others: list[tuple[str, str, FloatArray]] = []
    for name in metrics:
        others.append((name, "chance", table.chance[material.method, table.metrics.index(name)]))
        edges = _scores_of(material, "edges", name)
        if edges is not None:
            others.append((name, "edges", edges))
    if not others:
        return []
    differences = np.stack([material.scores(name) - values for name, _, values in others])
    effects = corrected_effects(differences, table.piles, seed=seed)
    against: dict[str, list[Against]] = {name: [] for name in metrics}
    for (name, called, values), (effect, p_value) in zip(others, effects, strict=True):
        both = ~np.isnan(values) & ~np.isnan(material.scores(name))
        up = 1 if MEASURES[name].direction == "higher" else -1
        sign = up * int(np.sign(effect.mean.mean)) if p_value < ALPHA else 0
        against[name].append(Against(called, float(values[both].mean()) if both.any() else np.nan, p_value, sign))
    return [_standing(material, name, tuple(against[name]), seed) for name in metrics]


def _standing(material: Material, metric: str, against: tuple[Against, ...], seed: int) -> Standing:
    table, values = material.table, material.scores(metric)
    oracle = _scores_of(material, "oracle", metric)
    off = values if MEASURES[metric].direction == "lower" else 1 - values
    parts = {part_id: off[material.facts.part_id == part_id] for part_id in set(material.facts.part_id.tolist())}
    means = [float(np.nanmean(own)) for own in parts.values() if not np.isnan(own).all()]
    return Standing(
        metric=metric,
        interval=mean_interval(values, table.piles, seed=seed, bounds=MEASURES[metric].range),
        against=against,
        oracle=float(np.nanmean(oracle)) if oracle is not None and not np.isnan(oracle).all() else np.nan,
        all_parts_off=bool(means) and min(means) > MOSTLY,
    )


def _scores_of(material: Material, method: str, metric: str) -> FloatArray | None:
    """Return the scores of the first method of that name in the table, (P,); None without."""
    table = material.table
    numbers = [number for number, label in enumerate(table.methods) if label.key.method == method]
    return None if not numbers else np.asarray(table.values[numbers[0], table.metrics.index(metric)])


def off_words(material: Material, standings: Sequence[Standing]) -> str:
    """Return the page's first sentence if the maps lie mostly off the bricks for all parts, else nothing."""
    by_name = {one.metric: one for one in standings}
    chosen = by_name.get(FLOOR, by_name.get("pointing_game"))
    if chosen is None or not chosen.is_off:
        return ""
    title, interval = material.label.title, chosen.interval
    chance = next(one for one in chosen.against if one.name == "chance")
    ends = f"({100 * interval.low:.0f} to {_percent(interval.high)}; chance {_percent(chance.mean)})"
    if chosen.metric == FLOOR:
        return (
            f"The maps of {title} lie mostly off the bricks, for all parts: {_percent(interval.mean)} {ends} of them "
            "lies on the floor."
        )
    return (
        f"The maps of {title} lie mostly off the bricks, for all parts: their highest point is on the named brick in "
        f"{_percent(interval.mean)} {ends} of them."
    )


def standing_words(standing: Standing) -> str:
    """Return one measure in a sentence: the mean, against chance, edges and the mask itself."""
    interval, title = standing.interval, short_title(standing.metric)
    ends = f" ({interval.low:.2f} to {interval.high:.2f})" if interval.low == interval.low else ""
    told = [
        f"{ {1: 'better than', -1: 'worse than', 0: 'not told apart from'}[one.sign] } {one.name} ({one.mean:.2f})"
        for one in standing.against
    ]
    mask = f"; the mask itself has {standing.oracle:.2f}" if standing.oracle == standing.oracle else ""
    return f"{title[0].upper()}{title[1:]} is {interval.mean:.2f}{ends}: {' and '.join(told)}{mask}."


def twin_words(material: Material) -> str:
    """Return whether the network uses the parts, as far as twins were scored: how often none has an effect."""
    counts = material.twin_effects
    if counts is None:
        return (
            "Whether the network uses the parts at all is not known: score twins (`evaluate faithfulness --metrics "
            "twin_capture`)."
        )
    without, asked = counts
    return (
        f"Twins say what the network uses: in {without} of {asked} pairs of picture and part no part's removal lowers "
        "the logit, so that no map can be right there."
    )


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %" if value == value else "unknown"
