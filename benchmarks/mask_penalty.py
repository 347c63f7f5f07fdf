"""What a price for looking beside the brick does to a network: its labels, and where its maps lie.

    .venv/bin/python benchmarks/mask_penalty.py LEARN JUDGE FOLDER recipes/which_to_trust/*net.yaml   # half an hour
    .venv/bin/python benchmarks/mask_penalty.py LEARN JUDGE FOLDER recipes/which_to_trust/lite0.yaml --seeds 0

LEARN is the dataset that networks learn from, JUDGE another one whose test pictures are labelled, explained and scored.
FOLDER keeps a run for each settings file, seed and `mask_penalty`. Killed and started again, it goes on.

Differences are paired: the same pictures and parts, the same seed, with the penalty less without it. Scores are
averaged over seeds first; intervals resample piles, and say nothing of other seeds. The penalty is on Grad-CAM, so the
other methods tell whether the network has changed or only that map.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import yaml

from core.bootstrap import interval_ends
from evaluation.intervals import Interval, mean_intervals
from evaluation.localization.run import score_run
from evaluation.statistics.align import Aligned, align
from evaluation.statistics.table import load_scores
from explain.bulk import explain_run
from training.fit.loop import train
from training.run.run import Run
from training.run.settings import TrainingSettings
from training.validation.intervals import Estimates, estimate
from training.validation.labelled_split import validate
from training.validation.metrics import FloatArray

METHODS: dict[str, dict[str, object]] = {"gradcam": {}, "saliency": {}, "input_x_gradient": {}}
METRICS = ("mass_accuracy", "pixel_ap", "pointing_game", "mass_on_floor")
LABELS = "map_macro"


def run_of(folder: Path, recipe: Path, seed: int, penalty: float) -> Path:
    """Return the folder of a run."""
    return folder / f"{recipe.stem}_{seed}{f'_p{penalty:g}' if penalty else ''}"


def make(learn: Path, judge: Path, run: Path, settings: TrainingSettings, limit: int | None) -> None:
    """Train, explain and score, as far as that is missing."""
    started = time.perf_counter()
    epochs = train(settings, learn, run)
    _say(f"{run.name}: {len(epochs)} epochs, {time.perf_counter() - started:.0f} s")
    explain_run(Run.open(run, judge), METHODS, limit=limit)
    score_run(Run.open(run, judge), {name: {} for name in METRICS})


def labels(run: Path, judge: Path) -> Estimates:
    """Return the scores of the labels on the test split; one seed resamples the same piles for every run."""
    return estimate(validate(Run.open(run, judge), "test").tally(), seed=0)


def label_cells(found: list[Estimates], plain: list[Estimates]) -> list[str]:
    """Return the mean over seeds of macro mAP, and how far it is above that of the `plain` runs."""
    values, none = (np.array([each.values[LABELS][0] for each in runs]) for runs in (found, plain))
    drawn, without = (np.stack([each.resampled[LABELS][0] for each in runs]) for runs in (found, plain))
    level = _interval(values, drawn, found[0].groups)
    change = _interval(values - none, drawn - without, found[0].groups)
    return [_cell(level), _signed(change), ", ".join(f"{each:.3f}" for each in values)]


def map_cells(both: Aligned, penalty: int, penalties: int) -> dict[str, list[tuple[Interval, Interval]]]:
    """Return for each method and metric the mean over seeds, and the difference from the runs without penalty.

    `both` holds the runs seed by seed, each with its `penalties`, of which the first is none.
    """
    by_seed = both.values.reshape(-1, penalties, *both.values.shape[1:])  # (seeds, penalties, M, K, P)
    mean, plain = by_seed[:, penalty].mean(axis=0), by_seed[:, 0].mean(axis=0)
    return {
        method.name: list(
            zip(
                mean_intervals(mean[place], both.piles, seed=0),
                mean_intervals((mean - plain)[place], both.piles, seed=0),
                strict=True,
            )
        )
        for place, method in enumerate(both.methods)
    }


def table(recipe: Path, folder: Path, judge: Path, penalties: list[float], seeds: list[int]) -> str:
    """Return the tables of one settings file, in Markdown."""
    runs = [[run_of(folder, recipe, seed, penalty) for penalty in penalties] for seed in seeds]
    said = [[labels(run, judge) for run in row] for row in runs]
    tables = [load_scores(Run.open(run, judge), measures=METRICS) for row in runs for run in row]
    both = align(tables, [run.name for row in runs for run in row])
    pictures = f"{len(both.piles)} pairs of picture and part, {len(np.unique(both.piles))} piles"
    lines = [f"**{recipe.stem}**, {len(seeds)} seeds, {pictures}", ""]
    lines += ["| mask_penalty | mAP on test | change | of each seed |", "| ---: | ---: | ---: | ---: |"]
    for place, penalty in enumerate(penalties):
        cells = label_cells([row[place] for row in said], [row[0] for row in said])
        lines.append(f"| {penalty:g} | {' | '.join(cells if place else [cells[0], '–', cells[2]])} |")
    lines += ["", "| method | mask_penalty | " + " | ".join(f"`{name}`" for name in both.metrics) + " |"]
    lines.append("| --- | ---: |" + " ---: |" * len(both.metrics))
    found = [map_cells(both, place, len(penalties)) for place in range(len(penalties))]
    for method in found[0]:
        for place, penalty in enumerate(penalties):
            cells = [
                _cell(mean) if not place else f"{mean.mean:.3f}; {_signed(far)}" for mean, far in found[place][method]
            ]
            lines.append(f"| {method} | {penalty:g} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _interval(values: FloatArray, drawn: FloatArray, groups: int) -> Interval:
    """Return the mean of (seeds,) values, with the interval of their (seeds, resamples)."""
    low, high = interval_ends(drawn.mean(axis=0), groups).tolist()
    return Interval(float(values.mean()), low, high, len(values), groups)


def _cell(found: Interval) -> str:
    return f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"


def _signed(found: Interval) -> str:
    return f"{found.mean:+.3f} ({found.low:+.3f} to {found.high:+.3f})".replace("-", "−")


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Read the options, do what is missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learn", type=Path, help="dataset to learn from")
    parser.add_argument("judge", type=Path, help="dataset whose test pictures are labelled and explained")
    parser.add_argument("folder", type=Path, help="where the runs are kept")
    parser.add_argument("recipes", type=Path, nargs="+", help="settings files of networks")
    parser.add_argument("--penalties", type=float, nargs="+", default=[0.3, 1.0, 3.0], help="beside none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--limit", type=int, help="explain only so many pictures")
    options = parser.parse_args()
    penalties = [0.0, *options.penalties]
    for recipe in options.recipes:
        values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
        for seed in options.seeds:
            for penalty in penalties:
                settings = TrainingSettings.parse(values | {"seed": seed, "mask_penalty": penalty})
                run = run_of(options.folder, recipe, seed, penalty)
                make(options.learn, options.judge, run, settings, options.limit)
    for recipe in options.recipes:
        print(table(recipe, options.folder, options.judge, penalties, options.seeds))


if __name__ == "__main__":
    main()
