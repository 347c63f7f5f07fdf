"""Which group and split each photo gets: duplicates stay together, splits that a source gives are kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dataset.manifest import SplitRule
from dataset.splits import SPLITS
from dataset.stratify import stratified_split


@dataclass(frozen=True)
class Candidate:
    """One distinct photo, new or already in the dataset.

    `copies` are the (file, split or None) under which it was found: several where files are equal byte for byte.
    `held` is the (group_id, split) that it has in the dataset.
    """

    image_id: str
    copies: tuple[tuple[str, str | None], ...]
    labels: tuple[str, ...]
    held: tuple[str, str] | None = None

    @property
    def given(self) -> str | None:
        """Return the most held-out split that its source gives."""
        return most_held_out(split for _, split in self.copies)


@dataclass(frozen=True)
class Place:
    """Where a photo goes, and whether its source says so."""

    group_id: str
    split: str
    is_given: bool


@dataclass(frozen=True)
class Leak:
    """Copies of one photo in several splits: (file, split) each, and the split that they went to."""

    files: tuple[tuple[str, str], ...]
    went_to: str


@dataclass
class Plan:
    """The place of each new photo by image_id, the files of each set of duplicates, and the leaks among them."""

    places: dict[str, Place] = field(default_factory=dict)
    duplicates: list[tuple[str, ...]] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)


def plan_splits(
    candidates: Sequence[Candidate], components: Sequence[int], rule: SplitRule, *, keep_leaks: bool
) -> Plan:
    """Return where all new photos go.

    Photos of one component, which have the same number among `components`, are copies of each other. They share a group
    and a split: that of the copies in the dataset, which cannot move, else the most held-out one that their sources
    give, else one that is drawn by `rule` so that each part has its share in each split. With `keep_leaks`, new photos
    keep the splits that their sources give, also where copies are in another.
    """
    plan = Plan()
    members: dict[int, list[Candidate]] = defaultdict(list)
    for candidate, component in zip(candidates, components, strict=True):
        members[component].append(candidate)
    undecided: list[list[Candidate]] = []
    for together in members.values():
        files = [copy for candidate in together for copy in candidate.copies]
        is_leak = len({split for _, split in files if split is not None}) > 1
        parts = _by_given(together) if is_leak and keep_leaks else [together]
        undecided += [part for part in parts if not _place(part, plan)]
        if len(files) > 1 and any(candidate.held is None for candidate in together):
            plan.duplicates.append(tuple(file for file, _ in files))
        if is_leak:
            went_to = "each to its own" if len(parts) > 1 else _split_of(together[-1], plan)
            plan.leaks.append(Leak(tuple((file, split) for file, split in files if split is not None), went_to))
    _draw(undecided, candidates, plan, rule)
    return plan


def most_held_out(splits: Iterable[str | None]) -> str | None:
    """Return test before val before train; None if there is none of them."""
    return max((split for split in splits if split is not None), key=SPLITS.index, default=None)


def _place(together: list[Candidate], plan: Plan) -> bool:
    """Give the new photos of a set their place if it need not be drawn; return whether that was so."""
    new = [candidate for candidate in together if candidate.held is None]
    held = [candidate.held for candidate in together if candidate.held is not None]
    given = most_held_out(candidate.given for candidate in new)
    if held:
        group_id, split = max(held, key=lambda place: (SPLITS.index(place[1]), place[0]))
    elif given is not None:
        group_id, split = min(candidate.image_id for candidate in new), given
    else:
        return False
    for candidate in new:
        plan.places[candidate.image_id] = Place(group_id, split, not held or candidate.given == split)
    return True


def _by_given(together: list[Candidate]) -> list[list[Candidate]]:
    """Return the members of a leak by split; those that no source gives one go with the most held-out ones."""
    parts: dict[str | None, list[Candidate]] = defaultdict(list)
    target = most_held_out(candidate.held[1] if candidate.held else candidate.given for candidate in together)
    for candidate in together:
        parts[candidate.held[1] if candidate.held else candidate.given or target].append(candidate)
    return list(parts.values())


def _split_of(candidate: Candidate, plan: Plan) -> str:
    return candidate.held[1] if candidate.held else plan.places[candidate.image_id].split


def _draw(undecided: list[list[Candidate]], candidates: Sequence[Candidate], plan: Plan, rule: SplitRule) -> None:
    """Draw the splits of sets of new photos, so that with all other photos each part has its share in each split."""
    if not undecided:
        return
    column_of = {label: column for column, label in enumerate(sorted({la for c in candidates for la in c.labels}))}
    start = np.zeros((len(SPLITS), len(column_of) + 1), dtype=np.int64)
    for candidate in candidates:
        if candidate.held or candidate.image_id in plan.places:
            row = start[SPLITS.index(_split_of(candidate, plan))]
            row[[column_of[label] for label in candidate.labels]] += 1
            row[-1] += 1
    undecided = sorted(undecided, key=lambda together: min(candidate.image_id for candidate in together))
    counts = np.zeros((len(undecided), len(column_of)), dtype=np.int64)
    for row, together in zip(counts, undecided, strict=True):
        for label, count in Counter(label for candidate in together for label in candidate.labels).items():
            row[column_of[label]] = count
    sizes = np.array([len(together) for together in undecided])
    chosen = stratified_split(counts, sizes, (rule.train, rule.val, rule.test), rule.seed, start)
    for together, split in zip(undecided, chosen, strict=True):
        group_id = min(candidate.image_id for candidate in together)
        for candidate in together:
            plan.places[candidate.image_id] = Place(group_id, SPLITS[split], False)
