"""Localisation metrics beside Quantus: time of a batch of maps on all metrics that both have, and whether they agree.

``python benchmarks/localization_speed.py [--maps 256] [--size 224] [--repeats 3]`` prints the table of docs/metrics.md.
Quantus is no dependency: run it in an environment that has it, with PYTHONPATH at this checkout; without it only our
own times are printed. ``--run 100000 --size 128`` measures a whole run instead, with PYTHONPATH=.:tests: maps on disk,
masks decoded, all metrics, scores written and merged into the index.
"""

import argparse
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from evaluation.localization.registry import Scorer, Truth, metric_settings
from evaluation.resize import resize_maps
from training.run.run import RUN_FILE, Run, RunInfo

SHARED = (
    "pointing_game", "attribution_localization", "mass_accuracy", "rank_accuracy", "top_k", "pixel_auroc",
)  # fmt: skip
"""Metrics that Quantus has too; its attribution localisation is on masks, and so is ours here."""


def make_batch(kind: str, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 maps (N, size, size) and masks of one disc each, 1 to 10 % of the picture."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        maps = rng.random((count, size, size), dtype=np.float32)
    elif kind == "gradient":
        maps = rng.standard_t(3, size=(count, size, size)).astype(np.float32)
    else:
        coarse = np.maximum(rng.normal(size=(count, 7, 7)), 0).astype(np.float32)
        maps = resize_maps(coarse, size, size, "bilinear")
    y, x = np.mgrid[:size, :size]
    radius = size * np.sqrt(rng.uniform(0.01, 0.1, count) / np.pi)
    centre = rng.uniform(0.25 * size, 0.75 * size, (2, count))
    masks = np.stack([(y - b) ** 2 + (x - a) ** 2 <= r * r for a, b, r in zip(*centre, radius, strict=True)])
    return maps, masks


def ours(maps: np.ndarray, masks: np.ndarray) -> dict[str, np.ndarray]:
    """Return our scores of the metrics that both have."""
    chosen: dict[str, dict[str, object]] = {name: {} for name in SHARED}
    chosen["attribution_localization"] = {"region": "mask"}
    settings = {name: metric_settings(name, values) for name, values in chosen.items()}
    return {name: found.values for name, found in Scorer(maps, Truth(masks)).scores(settings).items()}


def quantus_scores(maps: np.ndarray, masks: np.ndarray) -> dict[str, np.ndarray]:
    """Return those of Quantus, called as its page says, in batches of 64."""
    import quantus
    import torch

    options = {"abs": False, "normalise": False, "disable_warnings": True, "return_aggregate": False}
    # Positive parts are taken beforehand: its mass accuracy keeps signs.
    positive, given = np.maximum(maps, 0)[:, None], maps[:, None]
    segments = masks[:, None].astype(np.uint8)
    pictures = np.zeros((len(maps), 1, *maps.shape[1:]), dtype=np.float32)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(maps[0].size, 2))
    top = round(0.02 * maps[0].size)
    metrics = {
        "pointing_game": (quantus.PointingGame(**options), given),
        "attribution_localization": (quantus.AttributionLocalisation(**options), positive),
        "mass_accuracy": (quantus.RelevanceMassAccuracy(**options), positive),
        "rank_accuracy": (quantus.RelevanceRankAccuracy(**options), given),
        "top_k": (quantus.TopKIntersection(k=top, **options), given),
        "pixel_auroc": (quantus.AUC(**options), given),
    }
    found = {}
    labels = np.zeros(len(maps), dtype=np.int64)
    for name, (metric, values) in metrics.items():
        scores = metric(model=model, x_batch=pictures, y_batch=labels, a_batch=values, s_batch=segments)
        found[name] = np.asarray(scores, dtype=np.float64)
    return found


def best(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the least wall and CPU seconds of `repeats` calls."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def compare(count: int, size: int, repeats: int) -> None:
    """Print one row a kind of map."""
    print(f"| {count} maps of {size} px | ours, CPU ms a map | Quantus | ratio of CPU | of wall | largest difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in ("noise", "gradient", "class activation"):
        maps, masks = make_batch(kind, count, size)
        wall, cpu = best(lambda maps=maps, masks=masks: ours(maps, masks), repeats)  # type: ignore[misc]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                first = time.perf_counter(), time.process_time()
                theirs = quantus_scores(maps, masks)
                their_wall, their_cpu = time.perf_counter() - first[0], time.process_time() - first[1]
        except ImportError:
            print(f"| {kind} | {1e3 * cpu / count:.3f} | | | | |")
            continue
        found = ours(maps, masks)
        apart = {name: float(np.abs(found[name] - theirs[name]).max()) for name in SHARED}
        worst = max(apart, key=lambda name: apart[name])
        print(
            f"| {kind} | {1e3 * cpu / count:.3f} | {1e3 * their_cpu / count:.1f} | {their_cpu / cpu:.0f} | "
            f"{their_wall / wall:.0f} | {apart[worst]:.1g} ({worst}) |"
        )


def score_whole_run(count: int, size: int, workers: int) -> None:
    """Score a run of `count` made-up maps, a third each coarse, of single pixels and of areas; print one row."""
    from toy import make_toy_dataset

    from evaluation.localization.run import score_run

    with tempfile.TemporaryDirectory() as folder:
        root = make_toy_dataset(Path(folder) / "dataset", piles=250, size=size)
        run = root / "runs" / "toy"
        run.mkdir(parents=True)
        info = RunInfo(
            run_id="toy", dataset=str(root), dataset_digest="", model="bricknet", model_kwargs={}, classes=(),
            input_size_px=size, settings_digest="", seed=0,
        )  # fmt: skip
        info.save(run / RUN_FILE)
        write_maps(root, run, count, size)
        wall, cpu = time.perf_counter(), os.times()
        scored = score_run(Run.open(run, root), workers=workers)
        wall, used = time.perf_counter() - wall, os.times()
        spent = sum(used[:4]) - sum(cpu[:4])
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
        print("| maps | size | processes | wall s | CPU s | CPU ms a map | peak MB of a process |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        print(f"| {scored} | {size} | {workers} | {wall:.0f} | {spent:.0f} | {1e3 * spent / scored:.1f} | {peak:.0f} |")


def write_maps(root: Path, run: Path, count: int, size: int) -> None:
    """Write `count` maps of the labelled parts of all pictures by three methods, again and again."""
    from dataset.pile_dataset import PileDataset
    from explain.methods import find_method
    from explain.store import ATTRIBUTIONS, SETTINGS_FILE, Attribution, write_shard

    pictures, rng = PileDataset(root, None), np.random.default_rng(0)
    pairs = [
        (pictures.image_ids[row], pictures.classes[column])
        for row, column in zip(*np.nonzero(pictures.targets), strict=True)
    ]
    made = number = 0
    while made < count:
        name, coarse = (("gradcam", 8), ("saliency", size), ("lime", 8))[number % 3]
        folder = run / ATTRIBUTIONS / f"{name}-{number:012d}"
        find_method(name).settings().save(folder / SETTINGS_FILE)
        for start in range(0, min(len(pairs), count - made), 256):
            part = pairs[start : start + 256][: count - made]
            maps = list(rng.normal(size=(len(part), coarse, coarse)).astype(np.float32))
            if name == "lime":
                maps = [np.kron(each, np.ones((size // 8, size // 8), dtype=np.float32)) for each in maps]
            rows = [
                Attribution(
                    f"toy/epoch_0001/{folder.name}/{image_id}/{part_id}", "toy", "epoch_0001", image_id, part_id,
                    name, f"{number:012d}", "", 0, 0.0,
                )
                for image_id, part_id in part
            ]  # fmt: skip
            write_shard(folder, rows, maps)
            made += len(part)
        number += 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", type=int, default=0, metavar="COUNT")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.run:
        score_whole_run(arguments.run, arguments.size, arguments.workers)
    else:
        compare(arguments.maps, arguments.size, arguments.repeats)
