"""What each measure of faithfulness costs a map, and ROAD's imputation beside the authors' solver.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/faithfulness_cost.py RUN DATASET

Prints CPU-seconds a map on eight pictures of the dataset, with smooth random maps, and a Markdown table.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from scipy.ndimage import gaussian_filter
from tabulate import tabulate

from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.linear import impute
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.protocol import Maps
from evaluation.faithfulness.registry import FAITHFULNESS, QUICK
from training.run.checkpoint import load_checkpoint

PICTURES = 8
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Return the CPU time of the best of three calls."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset", type=Path)
    given = parser.parse_args()
    checkpoint = load_checkpoint(given.run)
    pictures = PileDataset(given.dataset, None, classes=checkpoint.classes)
    images = torch.stack([checkpoint.network_input(pictures.image(place)) for place in range(PICTURES)])
    rng = np.random.default_rng(0)
    values = np.stack([gaussian_filter(rng.random(images.shape[2:]), 8) for _ in range(PICTURES)])
    network = Network(checkpoint.model, checkpoint.mean, checkpoint.std)
    maps = Maps(network, images, np.zeros(PICTURES, dtype=np.int64), values)
    rows = []
    for name in QUICK:
        metric = FAITHFULNESS[name]
        settings = metric.settings()
        seconds = cpu_seconds(lambda metric=metric, settings=settings: metric.compute(maps, settings))
        rows.append([f"`{name}`", metric.cost, f"{seconds / PICTURES:.3f}"])
    print(tabulate(rows, ["measure", "forward passes", "CPU-s a map"], tablefmt="github", disable_numparse=True))

    missing = torch.from_numpy(np.stack([one <= np.quantile(one, share) for one in values for share in SHARES]))
    repeated = images.repeat_interleave(len(SHARES), dim=0)
    direct = NoisyLinearImputer(noise=0.0)
    solved: list[torch.Tensor] = []
    ours = cpu_seconds(lambda: solved.append(impute(repeated, missing)))
    kept = [(image, (~gone).float()) for image, gone in zip(repeated, missing, strict=True)]
    expected: list[torch.Tensor] = []
    theirs = cpu_seconds(lambda: expected.append(torch.stack([direct(*one) for one in kept])))
    error = (solved[0] - expected[0]).square().mean().sqrt()
    print(f"\nImputation of {len(missing)} pictures with {SHARES} missing, CPU-s each: {ours / len(missing):.4f}")
    print(f"The authors' solver: {theirs / len(missing):.4f}, {theirs / ours:.1f} times as long.")
    print(f"Root mean square of the difference: {error:.4f}")


if __name__ == "__main__":
    main()
