"""Renders alone, photos alone, or both: what a network that learned from them tells of photos it has not seen.

    .venv/bin/python benchmarks/sim_to_real.py PHOTOS FOLDER                     # hours on two cores
    .venv/bin/python benchmarks/sim_to_real.py PHOTOS FOLDER --renders 50 --epochs 1 --folds 2 --starts ImageNet
    .venv/bin/python benchmarks/sim_to_real.py PHOTOS FOLDER --report            # the tables of what is there

PHOTOS are annotated photos of single bricks and small piles, with the time at which each was taken in its name. FOLDER
keeps everything: renders, photos, runs, answers. Killed and started again, it goes on; nothing is made twice.

Photos are held out in two ways. *Same tables*: shots that follow each other within ten seconds, and those that look
alike, stay together. *New tables*: all that was taken in one sitting stays together, so that neither table nor light of
a photo was seen before. Renders know no photos, so one network answers for all of them.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from sklearn.model_selection import StratifiedGroupKFold

from core.bootstrap import Estimate
from core.errors import BrickbenchError
from core.files import atomic_file
from dataset.index import open_index, update_index
from dataset.photos.duplicates import join_pairs
from dataset.photos.importing import import_photos
from dataset.photos.settings import PhotoImportSettings
from dataset.pile_dataset import PileDataset
from dataset.splits import write_splits
from render.run import render_dataset
from render.settings import RenderSettings
from training.fit.loop import train
from training.run.run import Run
from training.run.settings import TrainingSettings
from training.validation.gap import measure_gap
from training.validation.intervals import estimate, intervals, resampled_weights
from training.validation.labelled_split import validate
from training.validation.metrics import Tally
from training.validation.thresholds import choose_thresholds

# Six kinds of bricks in the public set, four parts: the colour of a brick is no part of the question.
NAMES = {
    "1x1 blue": "3005", "1x2 red": "3004", "2x2 blue": "3003", "2x2 green": "3003", "2x4 blue": "3001",
    "2x4 red": "3001",
}  # fmt: skip

# Colours as in the photos, but free of the part. A single brick of the photos takes up 0.2 to 0.4 of the picture's
# side, one of five 0.06 to 0.15: margins that give about that.
RENDERS: dict[str, Any] = {
    "parts": ["3005", "3004", "3003", "3001"],
    "colors": {
        "Blue": 3, "Red": 3, "Green": 3, "Bright Green": 0.5, "Medium Blue": 0.5, "Dark Azure": 0.5, "Coral": 0.5,
    },
    "bricks_min": 1,
    "bricks_max": 3,
    "arrangements": {"scattered": 1},
    "spread": 0.9,
    "camera": {"elevation_min_deg": 35, "margin_min": 0.15, "margin_max": 0.37},
    "image_size_px": 160,
    "piles_per_shard": 50,
    "split_rule": {"train": 0.8, "val": 0.1, "test": 0.1},
}  # fmt: skip

TRAINING: dict[str, Any] = {
    "input_size_px": 128,
    "working_size_px": 160,
    "batch_size": 16,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup_epochs": 0.5,
    "positive_weight": "per_class",
    # A photo of 3:4 is squeezed into the network's square, a square render is not: stretching covers both.
    "augment_renders": {"preset": "renders", "crop_stretch": 1.4},
    "augment_photos": "photos",
}

RENDERS_ALONE, PHOTOS_ALONE = "renders alone", "photos alone"
STAGED, MIXED = "renders, then photos", "half renders, half photos"
WAYS: dict[str, dict[str, Any]] = {
    RENDERS_ALONE: {"sources": ["synthetic"], "epochs": 12},
    PHOTOS_ALONE: {"sources": ["real"], "epochs": 4},
    STAGED: {"sources": ["real"], "epochs": 3},
    MIXED: {"photo_share": 0.5, "epochs": 2},
}
STARTS: dict[str, dict[str, Any]] = {
    "ImageNet": {"model": "tf_efficientnet_lite0", "pretrained": True, "learning_rate": 5e-4},
    "untrained": {"model": "bricknet", "model_kwargs": {"width": 0.25}, "learning_rate": 3e-4},
}
UNTRAINED_TIMES = 3
"""Epochs of the untrained network for each of the pretrained one: it learns slower, and a step costs a tenth."""
HOLDINGS = {"same tables": 10.0, "new tables": 600.0}
"""Seconds between two shots within which they stay together."""
TAKEN = re.compile(r"(\d{8}_\d{6})")
SEED = 0
VAL_FOLDS = 7  # one of so many groups of the photos that are not held out is for validation


@dataclass(frozen=True)
class Photos:
    """All photos of the dataset, in the order of their image_id."""

    root: Path
    image_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    files: tuple[str, ...]
    bricks: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    classes: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> "Photos":
        """Read the index."""
        pictures = PileDataset(root, None, sources=("real",))
        with open_index(root) as index:
            rows = index.execute(
                "SELECT group_id, original_file, (SELECT count(*) FROM instances i WHERE i.image_id = images.image_id) "
                "FROM images WHERE source = 'real' ORDER BY image_id"
            ).fetchall()
        groups, files, bricks = zip(*rows, strict=True)
        return cls(root, pictures.image_ids, groups, files, np.array(bricks), pictures.targets, pictures.classes)

    def together(self, gap_s: float) -> npt.NDArray[np.int64]:
        """Return the group of each photo, (N,): near duplicates, and chains of shots at most `gap_s` apart."""
        taken = [TAKEN.search(Path(file).name) for file in self.files]
        times = {k: datetime.strptime(m[1], "%Y%m%d_%H%M%S").replace(tzinfo=UTC) for k, m in enumerate(taken) if m}
        order = sorted(times, key=times.__getitem__)
        pairs = [(a, b) for a, b in pairwise(order) if (times[b] - times[a]).total_seconds() <= gap_s]
        first: dict[str, int] = {}
        pairs += [(first.setdefault(name, k), k) for k, name in enumerate(self.group_ids)]
        return join_pairs(len(self.files), pairs)

    @cached_property
    def kinds(self) -> npt.NDArray[np.int64]:
        """Return a number for what each photo shows, (N,): its part, or that it shows several; folds hold all alike."""
        return np.where(self.targets.sum(axis=1) == 1, self.targets.argmax(axis=1), self.targets.shape[1])

    def folds(self, holding: str, count: int) -> Iterator[dict[str, str]]:
        """Yield for each fold the split of every group of near duplicates."""
        groups, scenes = self.together(HOLDINGS[holding]), self.together(HOLDINGS["same tables"])
        every = np.arange(len(groups))
        for rest, test in _halved(every, self.kinds, groups, count):
            _, val = next(_halved(rest, self.kinds, scenes, VAL_FOLDS))
            split = np.full(len(every), "train", dtype=object)
            split[test], split[val] = "test", "val"
            yield dict(zip(self.group_ids, split, strict=True))

    def all_held_out(self) -> dict[str, str]:
        """Return the splits of photos for a network that learns from renders alone."""
        return dict.fromkeys(self.group_ids, "test")


def _halved(
    rows: npt.NDArray[np.int64], kinds: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], count: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
    for kept, held in folds.split(rows, kinds[rows], groups[rows]):
        yield rows[kept], rows[held]


@dataclass(frozen=True)
class Network:
    """One way to train, and which photos it holds out."""

    way: str
    start: str
    holding: str | None
    """None where one network answers for all photos."""

    @property
    def name(self) -> str:
        """Name of its folders."""
        return "-".join(re.sub(r"\W+", "_", part) for part in (self.way, self.start, self.holding or "all photos"))


def networks(starts: Sequence[str]) -> list[Network]:
    """Return what is to be trained, in the order of how much it tells."""
    found = []
    for start in starts:
        found.append(Network(RENDERS_ALONE, start, None))
        found += [Network(way, start, holding) for holding in HOLDINGS for way in (PHOTOS_ALONE, STAGED)]
    return found + [Network(MIXED, start, holding) for start in starts for holding in HOLDINGS]


def prepare(photos: Path, root: Path, renders: int, workers: int) -> Photos:
    """Render and import what is missing, and return the photos."""
    settings = RenderSettings.parse(RENDERS)
    mapping = root.parent / "names.yaml"
    for path, values in ((root.parent / "render.yaml", RENDERS), (mapping, NAMES)):
        with atomic_file(path) as temporary:
            temporary.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    render_dataset(settings, root, count=renders, seed=SEED, workers=workers)
    report = import_photos(photos, root, PhotoImportSettings(size_px=512), NAMES, workers)
    _say(f"{report.came_in} photos came in, {report.already_there} were there, {len(report.set_aside)} set aside.")
    return Photos.read(root)


def settings_of(network: Network, root: Path, epochs: int | None) -> TrainingSettings:
    """Return the settings of a network's runs; `epochs` is the most of them."""
    values = TRAINING | STARTS[network.start] | WAYS[network.way]
    if network.way == STAGED:
        before = root / "runs" / f"{Network(RENDERS_ALONE, network.start, None).name}-0"
        best = json.loads((before / "checkpoints/best.json").read_text(encoding="utf-8"))["checkpoint"]
        values |= {"pretrained": False, "weights": str(before / "checkpoints" / f"{best}.safetensors")}
    if not STARTS[network.start].get("pretrained"):
        values["epochs"] *= UNTRAINED_TIMES
    values["epochs"] = min(values["epochs"], epochs or values["epochs"])
    return TrainingSettings.parse(values)


def answer(network: Network, fold: int, splits: Mapping[str, str], photos: Photos, epochs: int | None) -> Path:
    """Train on one fold, and return the file with what the network says of the photos held out."""
    root, name = photos.root, f"{network.name}-{fold}"
    path = root.parent / "answers" / f"{name}.json"
    if path.is_file():
        return path
    _say(f"{network.way}, {network.start}, {network.holding or 'all photos'}, fold {fold}")
    started, run = time.perf_counter(), root / "runs" / name
    write_splits(root, splits)
    update_index(root)
    history = train(settings_of(network, root, epochs), root, run)
    seen = validate(Run.open(run, root), "val")
    judged = seen.pictures.source_is_real == (network.way != RENDERS_ALONE)
    thresholds = choose_thresholds(seen.logits[judged], seen.targets[judged])
    gap = measure_gap(Run.open(run, root), split="test")
    held = PileDataset(root, "test", classes=seen.classes, sources=("real",))
    document = {
        "best_epoch": gap.checkpoint,
        "epochs": len(history),
        "splits": dict(Counter(splits.values())),
        "thresholds": thresholds.tolist(),
        "logits": dict(zip(held.image_ids, gap.photos.logits.tolist(), strict=True)),
        "gap": gap.as_document(),
        "seconds": time.perf_counter() - started,
    }
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(document), encoding="utf-8")
    scores = {row["metric"]: row["photos"] for row in gap.score_rows()}
    _say(f"mAP on its photos {scores['map_macro']:.3f}, {document['seconds']:.0f} s")
    return path


def read_answers(network: Network, photos: Photos, folds: int) -> tuple[npt.NDArray[np.float64], ...] | None:
    """Return logits and thresholds of all photos, (N, C) each; None while a fold is missing."""
    place = {image_id: k for k, image_id in enumerate(photos.image_ids)}
    logits = np.full(photos.targets.shape, np.nan)
    thresholds = np.full(photos.targets.shape, np.nan)
    for document in read_documents(network, photos, folds):
        rows = [place[image_id] for image_id in document["logits"]]
        logits[rows], thresholds[rows] = list(document["logits"].values()), document["thresholds"]
    return None if np.isnan(logits).any() else (logits, thresholds)


def read_documents(network: Network, photos: Photos, folds: int) -> list[dict[str, Any]]:
    """Return what was kept of each fold that is done."""
    paths = [photos.root.parent / "answers" / f"{network.name}-{k}.json" for k in range(folds)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def scores(photos: Photos, logits: npt.NDArray[np.float64], thresholds: npt.NDArray[np.float64]) -> list[Estimate]:
    """Return macro mAP, share of single bricks whose top part is right, exact match and macro F1, with intervals.

    Resampled are chains of shots: those that follow each other within ten seconds count as one.
    """
    scenes = photos.together(HOLDINGS["same tables"])
    plain = estimate(Tally(logits, photos.targets, scenes), seed=SEED)
    decided = estimate(Tally(logits - thresholds, photos.targets, scenes), seed=SEED)
    single = photos.bricks == 1
    right = np.take_along_axis(photos.targets, logits.argmax(axis=1)[:, None], axis=1)[:, 0] > 0.5
    codes = np.unique(scenes, return_inverse=True)[1]
    hits, of = (np.bincount(codes, each, codes.max() + 1) for each in (right & single, single))
    weights = np.concatenate(list(resampled_weights(len(hits), seed=SEED)), axis=1)
    drawn = (hits @ weights) / (of @ weights)
    top = intervals(np.array([hits.sum() / of.sum()]), drawn[None], [int((of > 0).sum())])[0]
    return [plain.interval("map_macro"), top, decided.interval("exact_match"), decided.interval("f1_macro")]


def chance_rows(photos: Photos, named: Mapping[str, str]) -> list[str]:
    """Return the rows of one who always says the same, and of one who sees colours alone."""
    single = photos.bricks == 1
    shares = photos.targets.mean(axis=0)
    always = Counter(map(bytes, photos.targets.astype(np.uint8))).most_common(1)[0][1] / len(photos.targets)
    top = photos.targets[single].mean(axis=0).max()
    f1 = float((2 * shares / (1 + shares)).mean())
    rows = [f"| nothing: always the same | – | {shares.mean():.2f} | {top:.2f} | {always:.2f} | {f1:.2f} |"]
    by_color: dict[str, Counter[int]] = defaultdict(Counter)
    for file, target in zip(np.array(photos.files)[single], photos.targets[single], strict=True):
        if file in named:
            by_color[named[file]][int(target.argmax())] += 1
    if by_color:
        known = sum(max(parts.values()) for parts in by_color.values()) / sum(map(Counter.total, by_color.values()))
        rows.append(f"| nothing but the brick's true colour | – | – | {known:.2f} | – | – |")
    return rows


def color_names(source: Path) -> dict[str, str]:
    """Return the colour of each photo of one brick, from class names such as ``2x4 red``."""
    from dataset.photos.folder import PhotoFolder
    from dataset.photos.formats.registry import FORMATS, detect

    folder = PhotoFolder(source)
    read = FORMATS[detect(folder)].read(folder)
    words = {photo.file: [name.split()[-1] for name in photo.classes()] for photo in read.photos}
    return {file: found[0] for file, found in words.items() if len(found) == 1}


def tables(photos: Photos, source: Path, starts: Sequence[str], folds: int) -> str:
    """Return all tables of what is done, in Markdown."""
    single = int((photos.bricks == 1).sum())
    lines = [f"{len(photos.files)} photos, {single} of one brick, in {len(np.unique(photos.group_ids))} sets of near "
             "duplicates; " + "; ".join(f"{holding}: {len(np.unique(photos.together(gap)))} groups"
                                        for holding, gap in HOLDINGS.items()) + ".", ""]  # fmt: skip
    lines += box_table(photos.root)
    head = "| learned from | start | mAP macro | top part right, one brick | exact match | F1 macro |"
    for holding in HOLDINGS:
        lines += ["", f"**{holding.capitalize()}**", "", head, "| --- | --- | ---: | ---: | ---: | ---: |"]
        lines += chance_rows(photos, color_names(source))
        for network in networks(starts):
            found = read_answers(network, photos, folds)
            if network.holding in {None, holding} and found is not None:
                cells = [f"{each.value:.2f} ({each.low:.2f}–{each.high:.2f})" for each in scores(photos, *found)]
                lines.append(f"| {' | '.join((network.way, network.start, *cells))} |")
    return "\n".join([*lines, "", *gap_table(photos, starts, folds)]) + "\n"


def box_table(root: Path) -> list[str]:
    """Return how large bricks are in pictures of either kind: the root of the box's share of the picture."""
    with open_index(root) as index:
        rows = index.execute(
            "SELECT source, if(n = 1, 'one brick', 'several'), count(DISTINCT image_id), "
            "quantile_cont(sqrt(box_xywh_px[3] * box_xywh_px[4] / (width * height)), [0.1, 0.5, 0.9]) FROM instances "
            "JOIN images USING (image_id) JOIN (SELECT image_id, count(*) n FROM instances GROUP BY 1) USING (image_id)"
            " WHERE box_xywh_px[3] > 0 GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    lines = ["| pictures | bricks | number | size of a brick: 10 % | middle | 90 % |",
             "| --- | --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    names = {"real": "photos", "synthetic": "renders"}
    for kind, bricks, count, sizes in rows:
        lines.append(f"| {names[kind]} | {bricks} | {count} | {' | '.join(f'{size:.2f}' for size in sizes)} |")
    return lines


def gap_table(photos: Photos, starts: Sequence[str], folds: int) -> list[str]:
    """Return what `brickbench train gap` says of each network on its held-out pictures, mean over folds.

    Without new tables: a fold of one sitting may show one part alone, of which any ranking is right.
    """
    lines = ["| learned from | start | held out | mAP renders | mAP photos | gap | Fréchet, excess | MMD, excess |",
             "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for network in networks(starts):
        gaps = [document["gap"] for document in read_documents(network, photos, folds)]
        if network.holding == "new tables" or read_answers(network, photos, folds) is None:
            continue
        ap = [next(row for row in gap["scores"] if row["metric"] == "map_macro") for gap in gaps]
        far = [{row["distance"]: row["excess"] for row in gap["distances"]} for gap in gaps if gap["distances"]]
        cells = [np.mean([row[name] for row in ap]) for name in ("renders", "photos", "gap")]
        cells += [np.mean([row[name] for row in far]) if far else np.nan for name in ("frechet", "mmd")]
        where = network.holding or "all photos"
        lines.append(f"| {network.way} | {network.start} | {where} | {' | '.join(f'{c:.3f}' for c in cells)} |")
    return lines


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the options, do what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="folder of annotated photos")
    parser.add_argument("folder", type=Path, help="where all is kept")
    parser.add_argument("--renders", type=int, default=700, help="pictures to render")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="at most so many in each run, for a quick try")
    parser.add_argument("--starts", default=",".join(STARTS), help="ImageNet, untrained, or both with a comma")
    parser.add_argument("--workers", type=int, default=2, help="processes that render")
    parser.add_argument("--report", action="store_true", help="only print the tables of what is done")
    options = parser.parse_args()
    starts, root = options.starts.split(","), options.folder.resolve() / "bricks"
    options.folder.mkdir(parents=True, exist_ok=True)
    photos = Photos.read(root) if options.report else prepare(options.photos, root, options.renders, options.workers)
    for network in [] if options.report else networks(starts):
        all_splits = (
            [photos.all_held_out()] if network.holding is None else photos.folds(network.holding, options.folds)
        )
        for fold, splits in enumerate(all_splits):
            answer(network, fold, splits, photos, options.epochs)
    print(tables(photos, options.photos, starts, options.folds))


if __name__ == "__main__":
    try:
        main()
    except BrickbenchError as error:
        sys.exit(f"sim_to_real: {error}")
