"""How far renders are from photos: lightness, distance in a network's features, and a probe that tells the two apart.

    .venv/bin/python benchmarks/realism.py PHOTOS RENDERS          # two folders of pictures; RENDERS may be a dataset

Every picture is brought to 224 x 224 pixels, as a network sees it. Lightness is CIELAB's L* (D65), 0 to 100.

Features are the pooled ones of EfficientNet-Lite0 with ImageNet weights. The distance of a picture is 1 - cosine to
its five nearest photos, on average; photos leave themselves out. The probe is a logistic regression with an L2 penalty
on the standardised features, scored by the area under the ROC curve over ten folds: 0.5 where nothing tells renders
from photos, 1 where all differ.

Of a dataset the distance is also shown by floor, lighting and distance of the camera; twins are left out. Intervals
hold 95 % and resample piles, or pictures where there are none.
"""

import argparse
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate

from core.bootstrap import interval_ends, resample_counts
from core.seeding import Purpose, generator
from dataset.dataset_folder import DatasetFolder
from evaluation.intervals import mean_interval
from training.fit.pretrained import load_pretrained

SIZE_PX = 224
NEAREST = 5
FOLDS = 10
PENALTY = 0.01
"""scikit-learn's C; 240 photos and 1,280 features need a strong penalty."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
DISTANCES_MM = (100.0, 250.0, 600.0)
"""Ends of the kinds of camera distance; people hold a phone 25 to 60 cm away."""

Floats = NDArray[np.float64]
Pictures = NDArray[np.uint8]  # (N, 224, 224, 3), RGB


@dataclass(frozen=True)
class PictureSet:
    """Pictures, and what is known of how they came about."""

    pictures: Pictures
    groups: NDArray[np.str_]
    """(N,) the pile of each; a picture alone is its own group."""
    kinds: Mapping[str, NDArray[np.str_]]
    """Factor such as ``floor`` to the kind of each picture, (N,)."""


@dataclass(frozen=True)
class Lightness:
    """L* of each picture, (N,) each."""

    mean: Floats
    darkest: Floats
    """Its first percentile."""
    share_above_95: Floats
    quadrants: Floats
    """Mean of the brightest quadrant less that of the darkest."""


def read_set(folder: Path) -> PictureSet:
    """Return the pictures in `folder`, a dataset with an index or any folder; subfolders count."""
    if (folder / "index.duckdb").exists():
        return _read_dataset(DatasetFolder.open(folder))
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    return PictureSet(read_pictures(files), np.array([str(file) for file in files]), {})


def _read_dataset(dataset: DatasetFolder) -> PictureSet:
    rows = dataset.query(
        "SELECT file, group_id, background, lighting, camera_distance_mm FROM images "
        "WHERE source = 'synthetic' AND twin_of IS NULL ORDER BY image_id"
    )
    files, groups, floors, lightings, distances_mm = zip(*rows, strict=True)
    kinds = {
        "floor": np.array(floors),
        "lighting": np.array(lightings),
        "camera distance": np.array([distance_kind(distance) for distance in distances_mm]),
    }
    return PictureSet(read_pictures([dataset.root / file for file in files]), np.array(groups), kinds)


def distance_kind(distance_mm: float) -> str:
    """Return the kind that a camera's distance belongs to, such as ``10 to 25 cm``."""
    names = [f"{end / 10:.0f}" for end in DISTANCES_MM]
    kinds = [f"under {names[0]} cm", *(f"{low} to {high} cm" for low, high in itertools.pairwise(names))]
    return [*kinds, f"over {names[-1]} cm"][int(np.searchsorted(DISTANCES_MM, distance_mm, side="right"))]


def read_pictures(files: list[Path]) -> Pictures:
    """Return the pictures in `files`, squeezed to (N, 224, 224, 3), RGB.

    Raises:
        SystemExit: there are too few, or one cannot be read.
    """
    if len(files) <= max(NEAREST, FOLDS):
        raise SystemExit(f"Give a folder of more than {max(NEAREST, FOLDS)} pictures; this one has {len(files)}.")
    pictures = np.empty((len(files), SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    for picture, file in zip(pictures, files, strict=True):
        read = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if read is None:
            raise SystemExit(f"{file} cannot be read as a picture: take it out of the folder.")
        picture[:] = cv2.resize(read, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    return pictures


def lightness_of(pictures: Pictures) -> Lightness:
    """Return the figures of the lightness of `pictures`."""
    maps = np.stack([cv2.cvtColor(p.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[:, :, 0] for p in pictures])
    half = SIZE_PX // 2
    quadrants = maps.reshape(-1, 2, half, 2, half).mean(axis=(2, 4), dtype=np.float64).reshape(-1, 4)
    return Lightness(
        mean=maps.mean(axis=(1, 2), dtype=np.float64),
        darkest=np.percentile(maps, 1, axis=(1, 2)).astype(np.float64),
        share_above_95=(maps > 95).mean(axis=(1, 2)),
        quadrants=np.ptp(quadrants, axis=1),
    )


def features_of(pictures: Pictures) -> Floats:
    """Return the features of `pictures`, (N, 1280)."""
    name = "tf_efficientnet_lite0"
    model = timm.create_model(name).eval()
    load_pretrained(model, name, {})
    batches = []
    with torch.no_grad():
        for batch in np.array_split(pictures, -(-len(pictures) // 16)):
            values = torch.from_numpy(batch).permute(0, 3, 1, 2) / 127.5 - 1  # as the network was trained
            batches.append(model.forward_head(model.forward_features(values), pre_logits=True).numpy())
    return np.concatenate(batches).astype(np.float64)


def nearest_distance(features: Floats, photos: Floats) -> Floats:
    """Return the mean of 1 - cosine from each of `features` (N, D) to its five nearest of `photos` (M, D), (N,).

    Give the same array twice to have each photo leave itself out.
    """
    one, other = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in (features, photos))
    distances = 1 - one @ other.T
    if features is photos:
        np.fill_diagonal(distances, np.inf)
    return np.asarray(np.sort(distances, axis=1)[:, :NEAREST].mean(axis=1))


def probe_scores(photos: Floats, renders: Floats) -> Floats:
    """Return the logit of being a render for each of `photos` (N, D), then `renders` (M, D), by a probe of others."""
    features = np.concatenate([photos, renders])
    is_render = np.repeat([0, 1], [len(photos), len(renders)])
    scores = np.empty(len(features))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, is_render):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000))
        scores[test] = probe.fit(features[train], is_render[train]).decision_function(features[test])
    return scores


def probe_auc(photos: Floats, renders: Floats) -> tuple[float, float, float]:
    """Return the area under the ROC curve of `probe_scores`, and the ends of its interval over pictures."""
    numbers = (len(photos), len(renders))
    scores, is_render = probe_scores(photos, renders), np.repeat([0, 1], numbers)
    counts = [resample_counts(generator(k, Purpose.BOOTSTRAP), number, 1000) for k, number in enumerate(numbers)]
    drawn = [roc_auc_score(is_render, scores, sample_weight=w) for w in np.concatenate(counts, axis=1)]
    low, high = interval_ends(np.array(drawn), min(numbers)).tolist()
    return float(roc_auc_score(is_render, scores)), low, high


def lightness_rows(photos: Lightness, renders: Lightness) -> list[list[str]]:
    """Return the rows of the table of lightness, with a title each."""
    sets = (photos, renders)
    return [
        ["mean lightness, and its spread over pictures", *(f"{s.mean.mean():.1f} ({s.mean.std():.1f})" for s in sets)],
        ["darkest 1 % of a picture, median", *(f"{np.median(s.darkest):.1f}" for s in sets)],
        ["pixels above 95", *(f"{100 * s.share_above_95.mean():.2f} %" for s in sets)],
        ["brightest less darkest quadrant", *(f"{s.quadrants.mean():.1f}" for s in sets)],
    ]


def distance_rows(renders: PictureSet, distances: Floats) -> list[list[str]]:
    """Return a row a kind of picture: factor, kind, pictures, mean distance with its interval; the farthest first."""
    rows: list[tuple[str, float, list[str]]] = []
    for factor, names in renders.kinds.items():
        for name in np.unique(names):
            chosen = names == name
            mean = mean_interval(distances[chosen], renders.groups[chosen], seed=0, bounds=(0.0, 2.0))
            shown = [factor, str(name), str(chosen.sum()), f"{mean.mean:.3f}", f"{mean.low:.3f} to {mean.high:.3f}"]
            rows.append((factor, -mean.mean, shown))
    factors = list(renders.kinds)
    return [shown for _, _, shown in sorted(rows, key=lambda row: (factors.index(row[0]), row[1]))]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of photos")
    parser.add_argument("renders", type=Path, metavar="RENDERS", help="folder of pictures, or a dataset")
    given = parser.parse_args()
    photos, renders = read_set(given.photos), read_set(given.renders)
    rows = lightness_rows(lightness_of(photos.pictures), lightness_of(renders.pictures))
    features = [features_of(one.pictures) for one in (photos, renders)]
    among, across = (nearest_distance(f, features[0]) for f in features)
    rows.append([f"distance to the {NEAREST} nearest photos", f"{among.mean():.3f}", f"{across.mean():.3f}"])
    auc, low, high = probe_auc(*features)
    rows.append(["AUC of a probe that tells them apart", "", f"{auc:.3f} ({low:.3f} to {high:.3f})"])
    heads = [f"{len(s.pictures)} of {folder.name}" for s, folder in ((photos, given.photos), (renders, given.renders))]
    print(tabulate(rows, headers=["", *heads], tablefmt="github", disable_numparse=True))
    if renders.kinds:
        table = distance_rows(renders, across)
        titles = ["", "kind", "pictures", "distance", "95 % interval"]
        print("\n" + tabulate(table, headers=titles, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
