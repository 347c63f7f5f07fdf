"""One run against another on the same pictures: other weights, another network, another seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from evaluation.measures import MEASURES
from evaluation.statistics.align import align
from evaluation.statistics.effects import Effect, paired_effects
from evaluation.statistics.permutation import holm
from evaluation.statistics.summary import effect_columns, sign_of, words_of
from evaluation.statistics.table import MethodLabel, ScoreTable, load_scores
from training.run.run import RunInfo


@dataclass(frozen=True)
class Contrast:
    """The first run's score minus the second's, for one method and metric, over the pairs that both have."""

    method: MethodLabel
    metric: str
    names: tuple[str, str]
    means: tuple[float, float]
    """Of the first and of the second run, over those pairs."""
    effect: Effect
    p_corrected: float
    """Holm's, over all methods and metrics."""
    strict: bool = False
    """Whether undefined scores count as the worst value."""

    @property
    def sign(self) -> int:
        """1 where the first run is better by the corrected test, -1 where worse, 0 where they are not told apart."""
        return sign_of(self.metric, self.effect.mean.mean, self.p_corrected)

    @property
    def words(self) -> str:
        """The same in words."""
        return words_of(self.sign, self.metric, *self.names)

    def as_row(self) -> dict[str, object]:
        """Return one line of a table or of JSON."""
        row: dict[str, object] = {"method": self.method.name, "metric": self.metric}
        row |= {"first": self.means[0], "second": self.means[1]}
        row |= effect_columns(self.effect, self.p_corrected) | {"verdict": self.words}
        return row | ({"strict": True} if self.strict else {})


def contrast_tables(first: ScoreTable, second: ScoreTable, names: tuple[str, str], *, seed: int) -> list[Contrast]:
    """Return the contrasts of all explanations and metrics that both tables have.

    Raises:
        BrickbenchError: they have none in common, or no pair.
        SettingsError: a metric was computed with other settings.
    """
    both = align([first, second], names)
    shape = both.values.shape[1:]
    differences = (both.values[0] - both.values[1]).reshape(-1, shape[2])
    effects = paired_effects(differences, both.piles, seed=seed)
    corrected = holm(np.array([effect.p_value for effect in effects]))
    found = []
    for place, (effect, p_value) in enumerate(zip(effects, corrected.tolist(), strict=True)):
        method, metric = divmod(place, shape[1])
        values = both.values[:, method, metric]
        values = values[:, ~np.isnan(values).any(axis=0)]
        means = (float(values[0].mean()), float(values[1].mean())) if values.size else (np.nan, np.nan)
        called = both.methods[method], both.metrics[metric]
        found.append(Contrast(*called, names, means, effect, p_value, first.strict))
    return found


def contrast_runs(
    folders: tuple[Path, Path],
    roots: tuple[Path, Path],
    checkpoints: tuple[str | None, str | None],
    *,
    seed: int,
    strict: bool = False,
) -> list[Contrast]:
    """Return the contrasts of two scored runs, or of two checkpoints of one.

    Args:
        folders: of the runs.
        roots: of the dataset of each; the same pictures may lie in two copies.
        checkpoints: whose maps; None takes the best that has scores.
        seed: of the resampling.
        strict: undefined scores count as the worst value.

    Raises:
        BrickbenchError: a run has no scores, both are the same, they share nothing, or pictures of one name differ.
        SettingsError: no such checkpoint, or a metric was computed with other settings.
    """
    first, second = (
        load_scores(folder, root, name, MEASURES, strict=strict)
        for folder, root, name in zip(folders, roots, checkpoints, strict=True)
    )
    if folders[0].resolve() == folders[1].resolve() and first.checkpoint == second.checkpoint:
        raise SettingsError(
            f"Both are {folders[0]} at {first.checkpoint}: give another run, or another checkpoint of it with "
            "--other-checkpoint."
        )
    require_same_pictures(roots, first, second)
    ids = [RunInfo.load_run(folder).run_id for folder in folders]
    if ids[0] == ids[1]:
        ids = [f"{name} {table.checkpoint}" for name, table in zip(ids, (first, second), strict=True)]
    return contrast_tables(first, second, (ids[0], ids[1]), seed=seed)


def require_same_pictures(roots: tuple[Path, Path], first: ScoreTable, second: ScoreTable) -> None:
    """Raise BrickbenchError unless pictures that have one name in both datasets are the same."""
    if roots[0].resolve() == roots[1].resolve():
        return
    shared = sorted({image for image, _ in first.pairs} & {image for image, _ in second.pairs})
    held = [_hashes(root, shared) for root in roots]
    other = next((image_id for image_id in shared if held[0].get(image_id) != held[1].get(image_id)), None)
    if other is not None:
        raise BrickbenchError(
            f"{other!r} is another picture in {roots[0]} than in {roots[1]}: runs can be compared only on the same "
            "pictures. Explain and score one of them on the dataset of the other."
        )


def _hashes(root: Path, image_ids: list[str]) -> dict[str, str]:
    with open_index(root) as index:
        return dict(
            index.execute(
                "SELECT image_id, content_hash FROM images WHERE image_id IN (SELECT unnest(?))", [image_ids]
            ).fetchall()
        )
