"""The tests behind the findings: each part, floor and light against the rest, and each pair of parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from evaluation.findings.material import FLOOR, Material
from evaluation.intervals import FloatArray, Interval, mean_intervals
from evaluation.statistics.comparison import ALPHA
from evaluation.statistics.effects import BoolArray, Effect, GroupEffect, group_effects, paired_effects
from evaluation.statistics.permutation import holm
from evaluation.statistics.strata import FEWEST_PILES, SIZE_GROUPS


@dataclass(frozen=True)
class GroupTest:
    """Mass on the floor of the maps of one part, or under one light, or over one floor, against all others."""

    kind: str
    """``part``, ``floor`` or ``lighting``"""
    name: str
    """As the index calls it, such as ``3001`` or ``desk_lamp``."""
    effect: GroupEffect
    p_corrected: float
    """Holm's, over all tests of the kind."""
    lift: GroupEffect
    """The same of the lift on the floor: per pixel of floor."""
    alike: GroupEffect | None
    """The same of mass less the mean of all maps of parts of about that size; for parts only."""

    @property
    def found(self) -> bool:
        """Whether more lies on the floor than elsewhere, by the corrected test."""
        return self.p_corrected < ALPHA and self.effect.difference.value > 0

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"kind": self.kind, "name": self.name}
        row |= _columns(self.effect) | {"p_holm": self.p_corrected, "found": self.found}
        row |= {"lift_on_floor": self.lift.group.mean, "rest_lift_on_floor": self.lift.rest.mean}
        if self.alike is not None:
            row |= self.alike.difference.as_row("of_like_size")
        return row


@dataclass(frozen=True)
class PairTest:
    """A part that lies there (A), and another that the network claims for it (B)."""

    shown: str
    """part_id of A"""
    claimed: str
    """part_id of B"""
    confusion: GroupEffect
    """Logit of B in pictures without B: with A against without A."""
    claims: tuple[float, float]
    """Share of those pictures in which B is claimed (logit above 0): with A, and without A."""
    share: Interval
    """Of the mass of the maps of B, on bricks of A that lie in the same picture."""
    area: float
    """Mean share of the picture that those bricks cover."""
    sharing: Effect
    """Share of the mass minus share of the area."""
    beside: GroupEffect
    """Lift of the maps of B: on bricks of A against on bricks of all other parts."""
    p_value: float
    """The larger of the p values of confusion and sharing: that one of them is not so."""
    p_corrected: float
    """Holm's, over all pairs."""

    @property
    def is_towards(self) -> bool:
        """Whether both point the way of a confusion: a higher logit, and more of the mass than of the area."""
        return self.confusion.difference.value > 0 and self.sharing.mean.mean > 0

    @property
    def found(self) -> bool:
        """Whether the network confuses A with B and its evidence for B lies on A, by the corrected test."""
        return self.is_towards and self.p_corrected < ALPHA

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"kind": "pair", "shown": self.shown, "claimed": self.claimed}
        row |= {f"logit_{name}": value for name, value in _columns(self.confusion).items()}
        row |= {"claimed_with": self.claims[0], "claimed_without": self.claims[1]}
        row |= {"share": self.share.mean, "share_low": self.share.low, "share_high": self.share.high}
        row |= {"area": self.area, "share_p": self.sharing.p_value}
        row |= {"maps": self.share.values, "map_piles": self.share.piles}
        row |= {f"lift_{name}": value for name, value in _columns(self.beside).items()}
        return row | {"p": self.p_value, "p_holm": self.p_corrected, "found": self.found}


def contrast_groups(material: Material, kind: str, *, seed: int) -> list[GroupTest]:
    """Return the test of each group of a kind (``part``, ``floor``, ``lighting``) that enough piles stand behind.

    Both the group and the rest need `FEWEST_PILES` piles. They come in the order of their mean mass on the floor, the
    largest first. Photos have no floor and no light that one knows of, and take part in the tests of parts only.
    """
    facts = material.facts
    of_pair = {"part": facts.part_id, "floor": facts.floor, "lighting": facts.lighting}[kind]
    known = np.array([name is not None for name in of_pair], dtype=np.bool_)
    values = np.where(known, material.scores(FLOOR), np.nan)
    names = sorted({str(name) for name in of_pair[known]})
    inside = np.array([of_pair == name for name in names], dtype=np.bool_).reshape(len(names), len(values))
    kept = np.array([_is_supported(values, group, material.table.piles) for group in inside], dtype=np.bool_)
    if not kept.any():
        return []
    names, inside = [name for name, keep in zip(names, kept, strict=True) if keep], inside[kept]
    lifts = np.where(known, material.scores("lift_on_floor"), np.nan)
    effects = group_effects(np.tile(values, (len(names), 1)), inside, material.table.piles, seed=seed)
    others = group_effects(np.tile(lifts, (len(names), 1)), inside, material.table.piles, seed=seed)
    alike: Sequence[GroupEffect | None] = [None] * len(names)
    if kind == "part":
        level = np.tile(values - size_means(values, facts.visible_px), (len(names), 1))
        alike = group_effects(level, inside, material.table.piles, seed=seed)
    corrected = holm(np.array([effect.p_value for effect in effects]))
    tests = [GroupTest(kind, *row) for row in zip(names, effects, corrected.tolist(), others, alike, strict=True)]
    return sorted(tests, key=lambda test: -test.effect.group.mean)


def contrast_pairs(material: Material, *, seed: int) -> list[PairTest]:
    """Return the test of each pair of parts that enough piles stand behind, those with the smallest p first.

    Pictures with A and without, both without B, and maps of B beside bricks of A need `FEWEST_PILES` piles each.
    """
    classes, overlaps = material.run.info.classes, material.overlaps
    class_of = {part_id: number for number, part_id in enumerate(classes)}
    maps = np.array([overlap.pair for overlap in overlaps], dtype=np.int64)
    piles = material.table.piles[maps]  # (L,), as all that follows is of each overlap
    explained = np.array([class_of.get(material.table.pairs[pair][1], -1) for pair in maps], dtype=np.int64)
    other = np.array([class_of.get(overlap.other, -1) for overlap in overlaps], dtype=np.int64)
    share = np.array([overlap.share for overlap in overlaps], dtype=np.float64)
    area = np.array([overlap.area for overlap in overlaps], dtype=np.float64)
    columns = []
    for pair in permutations(range(len(classes)), 2):
        logits, with_first = _logits(material, pair)
        on_first = (explained == pair[1]) & (other == pair[0])
        map_piles = len(np.unique(piles[on_first]))
        if _is_supported(logits, with_first, material.pictures.piles) and map_piles >= FEWEST_PILES:
            columns.append((pair, logits, with_first, on_first))
    if not columns:
        return []
    pairs = [pair for pair, *_ in columns]
    logits, with_first, on_first = (np.stack(column) for column in list(zip(*columns, strict=True))[1:])
    confusion = group_effects(logits, with_first, material.pictures.piles, seed=seed)
    sharing = paired_effects(np.where(on_first, share - area, np.nan), piles, seed=seed)
    shares = mean_intervals(np.where(on_first, share, np.nan), piles, seed=seed, bounds=(0.0, 1.0))
    lifts = np.where(explained == np.array([[second] for _, second in pairs]), share / area, np.nan)
    beside = group_effects(lifts, on_first, piles, seed=seed)
    p_values = np.array([max(one.p_value, two.p_value) for one, two in zip(confusion, sharing, strict=True)])
    corrected = holm(p_values)
    tests = []
    for number, (first, second) in enumerate(pairs):
        known, said = ~np.isnan(logits[number]), logits[number] > 0
        claims = [float(said[known & side].mean()) for side in (with_first[number], ~with_first[number])]
        tests.append(
            PairTest(
                shown=classes[first],
                claimed=classes[second],
                confusion=confusion[number],
                claims=(claims[0], claims[1]),
                share=shares[number],
                area=float(area[on_first[number]].mean()),
                sharing=sharing[number],
                beside=beside[number],
                p_value=float(p_values[number]),
                p_corrected=float(corrected[number]),
            )
        )
    return sorted(tests, key=lambda test: (not test.found, not test.is_towards, test.p_value))


def _logits(material: Material, pair: tuple[int, int]) -> tuple[FloatArray, BoolArray]:
    """Return the logits of B where B is absent and A is shown or absent, else NaN, and where A is shown: (N,) each."""
    first, second = pair
    pictures = material.pictures
    asked = pictures.absent[:, second] & (pictures.shown[:, first] | pictures.absent[:, first])
    return np.where(asked, pictures.logits[:, second], np.nan), pictures.shown[:, first]


def size_means(values: FloatArray, size_px: FloatArray) -> FloatArray:
    """Return for each value the mean of all values of about that size, (P,): of its fifth; NaN where it is unknown."""
    known = ~np.isnan(size_px) & ~np.isnan(values)
    means = np.full(len(values), np.nan)
    if known.any():
        edges = np.quantile(size_px[known], np.linspace(0, 1, SIZE_GROUPS + 1)[1:-1])
        group = np.searchsorted(edges, size_px, side="right")
        for number in np.unique(group[known]):
            chosen = known & (group == number)
            means[chosen] = values[chosen].mean()
    return means


def _is_supported(values: FloatArray, inside: BoolArray, piles: NDArray[np.int64]) -> bool:
    """Return whether `FEWEST_PILES` piles have values in the group and in the rest."""
    known = ~np.isnan(values)
    return min(len(np.unique(piles[known & side])) for side in (inside, ~inside)) >= FEWEST_PILES


def _columns(effect: GroupEffect) -> dict[str, object]:
    return {
        "mean": effect.group.mean,
        "rest": effect.rest.mean,
        **effect.difference.as_row("difference"),
        "p": effect.p_value,
        "values": effect.group.values,
        "piles": effect.group.piles,
        "rest_piles": effect.rest.piles,
    }
