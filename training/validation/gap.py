"""From renders to photos: how a network does on each, the gap, and how far apart it sees the two."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bootstrap import Estimate
from core.errors import BrickbenchError
from core.seeding import Purpose, generator
from dataset.dataset_folder import DatasetFolder
from dataset.pile_dataset import PileDataset
from training.network.devices import choose_device
from training.run.predict import label_with_features, open_split
from training.run.run import Run
from training.validation.feature_distance import Distances, compare_features
from training.validation.intervals import RESAMPLES, estimate
from training.validation.metrics import SCORES, FloatArray, Tally
from training.validation.thresholds import load_thresholds


@dataclass(frozen=True)
class Domain:
    """One kind of pictures as a network sees it."""

    logits: npt.NDArray[np.float32]
    """(N, C)"""
    targets: npt.NDArray[np.float32]
    """(N, C)"""
    groups: npt.NDArray[np.int64]
    """(N,) equal for views of a pile, and for photos that are duplicates"""
    features: npt.NDArray[np.float32]
    """(N, D) last hidden units"""

    def as_row(self) -> dict[str, object]:
        """Return how many pictures and groups these are, and how many parts a picture shows."""
        return {
            "pictures": len(self.targets),
            "groups": len(np.unique(self.groups)),
            "labels_per_picture": float(self.targets.sum(axis=1).mean()),
        }

    def one_a_group(self, rng: np.random.Generator) -> FloatArray:
        """Return the features of one picture of each group, drawn by lot: rows that are independent."""
        order = rng.permutation(len(self.groups))
        _, first = np.unique(self.groups[order], return_index=True)
        return np.asarray(self.features[order[first]], dtype=np.float64)


@dataclass(frozen=True)
class Gap:
    """What separates renders from photos for one checkpoint."""

    run_id: str
    checkpoint: str
    split: str
    classes: tuple[str, ...]
    """part_ids that both kinds show: the scores are over these alone."""
    renders: Domain
    photos: Domain
    scores: Mapping[str, tuple[Estimate, Estimate, Estimate]]
    """On renders, on photos, and the first less the second, by name."""
    distances: Distances

    def score_rows(self) -> list[dict[str, object]]:
        """Return one row a score: on renders, on photos, and the gap, each with its interval."""
        rows = []
        for name, (renders, photos, gap) in self.scores.items():
            row: dict[str, object] = {"metric": name}
            rows.append(row | renders.as_row("renders") | photos.as_row("photos") | gap.as_row("gap"))
        return rows

    def as_document(self) -> dict[str, object]:
        """Return everything as one JSON document."""
        return {
            "run_id": self.run_id,
            "checkpoint": self.checkpoint,
            "split": self.split,
            "classes": list(self.classes),
            "renders": self.renders.as_row(),
            "photos": self.photos.as_row(),
            "scores": self.score_rows(),
            "distances": [measure.as_row() for measure in self.distances.measures],
            "pictures_compared": self.distances.pictures,
            "p_value": self.distances.p_value,
        }


def measure_gap(
    run: Run,
    photos_of: DatasetFolder | None = None,
    *,
    split: str = "val",
    checkpoint: str = "best",
    use_thresholds: bool = False,
    device: str = "auto",
    seed: int = 0,
    resamples: int = RESAMPLES,
    say: Callable[[str], None] | None = None,
) -> Gap:
    """Return how a checkpoint does on the renders of one dataset and on the photos of the same or another one.

    The run's dataset has the renders, `photos_of` the photos (None: the same). `use_thresholds` decides at the run's
    chosen thresholds rather than at logit 0. The seed is that of resampling, halving and permuting. `say` is told of
    parts of a dataset that the checkpoint does not know, which are left out.

    Raises:
        BrickbenchError: no such checkpoint, one kind of pictures is missing, or no part is on both.
    """
    chosen_device = choose_device(device)
    loaded = run.load(checkpoint, chosen_device)
    thresholds = np.zeros(len(loaded.classes))
    if use_thresholds:
        thresholds = np.array(load_thresholds(run, loaded.name).logits)

    def domain(pictures: PileDataset) -> Domain:
        logits, features = label_with_features(loaded, pictures, chosen_device)
        return Domain(logits, pictures.targets, pictures.groups, features)

    photos_of = photos_of or run.dataset
    both = (
        open_split(loaded, run.dataset, split, ("synthetic",), say),
        open_split(loaded, photos_of, split, ("real",), None if photos_of.root == run.dataset.root else say),
    )
    renders, photos = map(domain, both)
    shared = renders.targets.any(axis=0) & photos.targets.any(axis=0)
    if not shared.any():
        raise BrickbenchError(
            f"No part is on both renders and photos of split {split!r}, so nothing can be compared: "
            "import photos of parts that are rendered, or render those parts."
        )
    rng = generator(seed, Purpose.BOOTSTRAP)
    return Gap(
        run_id=loaded.run_id,
        checkpoint=loaded.name,
        split=split,
        classes=tuple(name for name, on_both in zip(loaded.classes, shared, strict=True) if on_both),
        renders=renders,
        photos=photos,
        scores=score_gap(renders, photos, shared, thresholds, seed=seed, resamples=resamples),
        distances=compare_features(renders.one_a_group(rng), photos.one_a_group(rng), seed=seed),
    )


def score_gap(
    renders: Domain,
    photos: Domain,
    shared: npt.NDArray[np.bool_],
    thresholds: FloatArray,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, tuple[Estimate, Estimate, Estimate]]:
    """Return each score on renders, on photos, and the first less the second, with intervals.

    The two kinds have no pictures in common, so each has its own resamples, and those of the gap are their differences.

    `shared` (C,) are the classes that count: those that both show, since means over other parts are no comparison. A
    class counts as claimed above its logit in `thresholds` (C,).
    """
    one, other = (
        estimate(
            Tally(kind.logits[:, shared], kind.targets[:, shared], kind.groups, thresholds[shared]),
            seed=seed,
            resamples=resamples,
            key=key,
        )
        for key, kind in enumerate((renders, photos))
    )
    return {name: (one.interval(name), other.interval(name), one.less(other, name)) for name in SCORES}
