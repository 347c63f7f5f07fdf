"""What came out of the paper's runs: ``python benchmarks/paper_runs.py DATASET`` prints the tables of docs/paper.md.

The runs lie in DATASET/runs under the names of their recipes. Scores are those of the test split, for the best and for
the last epoch, decided at logit 0; intervals resample piles.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.seeding import generator
from training.run.checkpoint import resolve_checkpoint
from training.run.history import Row, read_epochs
from training.run.run import Run
from training.validation.intervals import Estimates, estimate
from training.validation.labelled_split import Validation, validate
from training.validation.metrics import Tally, label_metrics
from training.validation.thresholds import choose_thresholds

RUNS = {
    "weighted_bce": "bricknet, weighted BCE",
    "plain_bce": "bricknet, plain BCE",
    "pretrained": "pretrained lite0, weighted BCE",
}
COLUMNS = ("binary_accuracy", "map_macro", "f1_micro", "precision_micro", "recall_micro", "exact_match")
TITLES = ("binary accuracy", "mAP macro", "F1 micro", "precision", "recall", "exact match")
SHUFFLES = 200
HEAD = ("answer", *TITLES, "claimed a picture")


def print_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table."""
    head = list(head)
    for cells in (head, ["---", *["---:"] * (len(head) - 1)], *rows):
        print(f"| {' | '.join(cells)} |")
    print()


def cells_of(name: str, found: Estimates, claimed: float) -> list[str]:
    """Return a line: each score in percent with its interval, and how many parts are claimed."""
    cells = [name]
    for column in COLUMNS:
        at = found.interval(column)
        ends = "" if at.low == at.high else f" ({100 * at.low:.1f}–{100 * at.high:.1f})"
        cells.append(f"{100 * at.value:.1f}{ends}" if np.isfinite(at.value) else "–")
    return [*cells, f"{claimed:.1f}"]


def chance(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.float32]) -> float:
    """Return the mean macro mAP of logits that belong to other pictures."""
    rng = generator(0, SHUFFLES)
    drawn = [label_metrics(logits[rng.permutation(len(logits))], targets).map_macro for _ in range(SHUFFLES)]
    return float(np.mean(drawn))


def constant_rows(found: Validation) -> list[list[str]]:
    """Return the lines of the two answers that look at no picture."""
    rows = []
    for name, logit in (("“absent” to everything", -1.0), ("“present” to everything", 1.0)):
        tally = Tally(np.full_like(found.logits, logit), found.targets, found.groups)
        claimed = found.targets.shape[1] * (logit > 0)
        rows.append(cells_of(name, estimate(tally, seed=0), claimed))
    return rows


def last_epoch(folder: Path, root: Path, row: Row) -> list[str]:
    """Return the losses of the last epoch as mean over labels (and as their sum), and two scores on train."""
    labels = len(Run.open(folder).info.classes)
    cells = [f"{row[f'{split}_loss']:.3f} ({labels * row[f'{split}_loss']:.1f})" for split in ("train", "val")]
    found = validate(Run.open(folder, root), "train", "last").tally().label_metrics()
    return [*cells, f"{100 * found.binary_accuracy:.1f}", f"{100 * found.recall_micro:.1f}"]


def main(root: Path) -> None:
    """Print the scores on test at logit 0, those at thresholds chosen on val, and the losses of the last epoch."""
    runs = {name: title for name, title in RUNS.items() if (root / "runs" / name).is_dir()}
    rows: list[list[str]] = []
    chosen_rows, curves = [], []
    for name, title in runs.items():
        folder = root / "runs" / name
        history = read_epochs(folder)
        for checkpoint in ("best", "last"):
            epoch = int(resolve_checkpoint(folder, checkpoint).stem.removeprefix("epoch_"))
            test, val = (validate(Run.open(folder, root), split, checkpoint) for split in ("test", "val"))
            if not rows:
                labels = test.targets.sum(axis=1).mean()
                positive = f"{labels:.2f} labels each, {100 * labels / test.targets.shape[1]:.2f} % positive"
                print(f"{len(test.targets)} test pictures, {positive}.\n")
                rows = constant_rows(test)
            label = f"{title}, epoch {epoch} ({checkpoint})"
            rows.append(cells_of(label, estimate(test.tally(), seed=0), (test.logits > 0).sum(axis=1).mean()))
            cuts = choose_thresholds(val.logits, val.targets)
            claimed = (test.logits > cuts).sum(axis=1).mean()
            chosen_rows.append(cells_of(label, estimate(test.tally(cuts), seed=0), claimed))
            print(f"{label}: macro mAP of chance {100 * chance(test.logits, test.targets):.2f} %")
        curves.append([title, *last_epoch(folder, root, history[-1])])
    print()
    print_table(HEAD, rows)
    print_table(HEAD, chosen_rows)
    print_table(("last epoch", "loss on train", "loss on val", "binary accuracy on train", "recall on train"), curves)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
