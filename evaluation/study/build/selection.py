"""What is asked about: pairs of a picture and a part of which the run holds all maps, chosen evenly over strata."""

import csv
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.cli import count_of
from core.errors import BrickbenchError, SettingsError
from core.seeding import generator
from core.settings import near_matches
from evaluation.study.build.sheets import Stream
from evaluation.study.settings import Stratum, StudySettings
from explain.method_key import MethodKey
from explain.store import Attribution, load_maps
from training.run.checkpoint import choose_checkpoint
from training.run.run import Run


@dataclass(frozen=True)
class Candidate:
    """A picture and a part that may become an item."""

    image_id: str
    part_id: str
    group_id: str
    """The pile, or photos that are duplicates: an item each."""
    maps: Mapping[str, Attribution]
    """By the method's name in the settings."""
    is_right: bool | None
    """Whether the network's answer on the part is right; None where no prediction is stored."""
    confidence: float | None
    """The probability that it gives to that answer, 0.5 to 1."""


@dataclass(frozen=True)
class Candidates:
    """What a run offers."""

    checkpoint: str
    pairs: tuple[Candidate, ...]
    """Sorted by image_id and part_id."""


@dataclass(frozen=True)
class Choice:
    """The items of a study."""

    items: tuple[Candidate, ...]
    passed_over: int = 0
    """Candidates whose turn it was, but of which a map was empty."""


def find_candidates(run: Run, settings: StudySettings, checkpoint: str | None = None) -> Candidates:
    """Return the pairs of a picture of the split and a part of which the index knows a map by each method.

    `checkpoint` says whose maps; None takes the best one's if there are any, else those of the last that has some.

    Raises:
        SettingsError: a method or checkpoint of which the run has no maps, or a method's name that means several.
        BrickbenchError: the run has no maps in the index, or no picture has those of all methods.
    """
    rows = run.dataset.query(
        "SELECT a.attribution_id, a.run_id, a.checkpoint, a.image_id, a.part_id, a.method, a.method_settings_hash, "
        "a.file, a.row, a.seconds, g.group_id, p.logit, l.part_id IS NOT NULL FROM attributions a "
        "JOIN images g USING (image_id) LEFT JOIN labels l USING (image_id, part_id) "
        "LEFT JOIN predictions p USING (run_id, checkpoint, image_id, part_id) "
        "WHERE a.run_id = ? AND g.split = ? AND g.twin_of IS NULL ORDER BY ALL",
        [run.info.run_id, settings.split],
    )
    way_out = (
        f"make them with `brickbench explain run {run.folder} --split {settings.split} "
        f"--methods {','.join(settings.methods)}`"
    )
    if not rows:
        raise BrickbenchError(
            f"The index of {run.dataset.root} knows no map by {run.info.run_id} of a picture of the split "
            f"{settings.split}: {way_out}."
        )
    attributions = [Attribution(*row[:10]) for row in rows]
    checkpoints = sorted({one.checkpoint for one in attributions})
    chosen = choose_checkpoint(run.folder, checkpoint, checkpoints, "maps of checkpoint")
    names = _names_of_keys(
        {one.method_key for one in attributions if one.checkpoint == chosen}, settings.methods, way_out
    )
    candidates: dict[tuple[str, str], Candidate] = {}
    for one, (group_id, logit, is_present) in zip(attributions, (row[10:] for row in rows), strict=True):
        if one.checkpoint == chosen and one.method_key in names and (is_present or settings.absent_parts):
            pair = (one.image_id, one.part_id)
            maps = {**(candidates[pair].maps if pair in candidates else {}), names[one.method_key]: one}
            is_right = None if logit is None else (logit > 0) == is_present
            confidence = None if logit is None else 1 / (1 + math.exp(-abs(logit)))
            candidates[pair] = Candidate(*pair, group_id, maps, is_right, confidence)
    whole = tuple(pair for _, pair in sorted(candidates.items()) if len(pair.maps) == len(settings.methods))
    if not whole:
        raise BrickbenchError(
            f"No picture of the split {settings.split} has maps of one part by all of {', '.join(settings.methods)} "
            f"from checkpoint {chosen}: {way_out}."
        )
    return Candidates(chosen, whole)


def choose_items(
    candidates: Candidates, settings: StudySettings, is_empty: Callable[[Candidate], bool] = lambda _: False
) -> Choice:
    """Return `settings.items` candidates of as many piles, as even over the strata as can be.

    One after the other, that is taken whose strata were taken least often, the first stratum of `settings.stratify`
    first; chance decides among equals (minimisation, after Pocock and Simon 1975).

    `is_empty` tells, of one whose turn it is, that it has a map to pass it over for.

    Raises:
        BrickbenchError: there are fewer piles.
    """
    rng = generator(settings.seed, Stream.ITEMS)
    order = [candidates.pairs[index] for index in rng.permutation(len(candidates.pairs))]
    strata = _strata(order, settings)
    counts = [Counter[object]() for _ in settings.stratify]
    chosen: list[Candidate] = []
    passed_over = 0
    left = list(range(len(order)))
    while len(chosen) < settings.items and left:
        best = min(left, key=lambda index: [count[strata[index][kind]] for kind, count in enumerate(counts)])
        if is_empty(order[best]):
            passed_over += 1
            left.remove(best)
            continue
        chosen.append(order[best])
        for count, stratum in zip(counts, strata[best], strict=True):
            count[stratum] += 1
        left = [index for index in left if order[index].group_id != order[best].group_id]
    if len(chosen) < settings.items:
        empty = f", besides {count_of(passed_over, 'pair')} with an empty map" if passed_over else ""
        raise BrickbenchError(
            f"Items should be of {settings.items} different piles; maps by all of {', '.join(settings.methods)} are "
            f"there of {count_of(len(chosen), 'pile')} of the split {settings.split}{empty}. Ask for fewer with "
            f"--items {len(chosen)}, or make more maps with `brickbench explain run`."
        )
    return Choice(tuple(chosen), passed_over)


def has_empty_map(run: Run, candidate: Candidate) -> bool:
    """Return whether a map of a candidate has no value above 0: nothing that speaks for the part."""
    rows = list(candidate.maps.values())
    return any(not np.nanmax(values, initial=0.0) > 0 for values in load_maps(run.folder, rows))


def listed_items(candidates: Candidates, path: Path) -> Choice:
    """Return the candidates in a CSV file with columns image_id and part_id, in its order.

    Raises:
        BrickbenchError: the file cannot be read, lacks a column, or names what cannot be an item; every row that does
            not fit is named.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BrickbenchError(f"The list {path} cannot be read: {error}.") from error
    if not {"image_id", "part_id"} <= set(columns) or not rows:
        held = f"{', '.join(columns) or 'nothing'}, with {count_of(len(rows), 'row')}"
        raise BrickbenchError(f"The list {path} should have columns image_id and part_id, and rows; it has {held}.")
    known = {(one.image_id, one.part_id): one for one in candidates.pairs}
    chosen: dict[str, tuple[int, Candidate]] = {}
    problems = []
    for number, row in enumerate(rows, start=2):
        pair = ((row["image_id"] or "").strip(), (row["part_id"] or "").strip())
        if pair not in known:
            hint = near_matches(pair[0], [image_id for image_id, part_id in known if part_id == pair[1]])
            problems.append(f"row {number}: no maps by all methods of part {pair[1]!r} in picture {pair[0]!r}{hint}")
            continue
        one = known[pair]
        if one.group_id in chosen:
            problems.append(f"row {number}: the same pile as in row {chosen[one.group_id][0]}")
        chosen.setdefault(one.group_id, (number, one))
    if problems:
        raise BrickbenchError(f"The list {path} cannot be used: {'; '.join(problems)}.")
    return Choice(tuple(one for _, one in chosen.values()))


def _strata(candidates: Sequence[Candidate], settings: StudySettings) -> list[list[object]]:
    """Return, of each candidate, its stratum of each kind that the settings name."""
    known = [one.confidence for one in candidates if one.confidence is not None]
    median = float(np.median(known)) if known else 0.0
    stratum_of: dict[Stratum, Callable[[Candidate], object]] = {
        "right": lambda one: one.is_right,
        "part": lambda one: one.part_id,
        "confidence": lambda one: None if one.confidence is None else one.confidence > median,
    }
    return [[stratum_of[name](one) for name in settings.stratify] for one in candidates]


def _names_of_keys(keys: set[MethodKey], methods: Sequence[str], way_out: str) -> dict[MethodKey, str]:
    """Return the names in the settings by what they mean: a method with the digest of its settings."""
    names: dict[MethodKey, str] = {}
    for name in methods:
        meant = [key for key in sorted(keys) if name in (key.method, key.short, str(key))]
        if not meant:
            known = sorted({key.method for key in keys})
            raise SettingsError(
                f"The run has no maps by {name!r}{near_matches(name, known)}; it has maps by {', '.join(known)}. "
                f"Choose among these with --methods, or {way_out}."
            )
        if len(meant) > 1:
            raise SettingsError(
                f"The run has maps by {name} with {len(meant)} settings: name one of "
                f"{', '.join(key.short for key in meant)} with --methods."
            )
        if meant[0] in names:
            raise SettingsError(f"{names[meant[0]]} and {name} are the same maps: name two methods with --methods.")
        names[meant[0]] = name
    return names
