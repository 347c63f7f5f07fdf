"""Localisation metrics beside Quantus: time of a batch of maps on all metrics that both have, and whether they agree.

``python benchmarks/localization_speed.py [--maps 256] [--size 224] [--repeats 3]`` prints the table of docs/metrics.md.
Quantus is no dependency: run it in an environment that has it, with PYTHONPATH at this checkout; without it only our
own times are printed. ``--run 100000`` measures whole runs instead: maps on disk, masks decoded, scores written.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from evaluation.localization import Truth, metric_settings, score_all
from evaluation.resize import resize_maps

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
    return {name: found.values for name, found in score_all(settings, maps, Truth(masks)).items()}


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
        started = time.process_time()
        scores = metric(model=model, x_batch=pictures, y_batch=labels, a_batch=values, s_batch=segments)
        found[name] = np.asarray(scores, dtype=np.float64)
        QUANTUS_SECONDS[name] = QUANTUS_SECONDS.get(name, 0.0) + time.process_time() - started
    return found


QUANTUS_SECONDS: dict[str, float] = {}


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    compare(arguments.maps, arguments.size, arguments.repeats)
    print({name: round(seconds, 2) for name, seconds in QUANTUS_SECONDS.items()})
