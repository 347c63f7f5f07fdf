"""Draw the curves of docs/paper.md: ``python docs/draw_paper_runs.py DATASET`` writes images/paper_runs.png.

DATASET holds the runs of recipes/paper_small, under the names of their recipes. The picture has no background, and
colours that can be read on white and on black.
"""

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dataset.pile_dataset import PileDataset
from training.run.history import read_epochs
from training.validation.metrics import label_metrics

OUT = Path(__file__).with_name("images") / "paper_runs.png"
GREY, FAINT = "#7d7d7d", "#7d7d7d50"
RUNS = {
    "weighted_bce": ("bricknet, weighted BCE", "#d9730d"),
    "plain_bce": ("bricknet, plain BCE", "#2f81d6"),
    "pretrained": ("pretrained lite0, weighted BCE", "#2f9e62"),
}
PAPER = 0.8471
PANELS = {
    "val_binary_accuracy": "binary accuracy on val",
    "val_recall_micro": "recall on val: bricks that are claimed",
    "val_map_macro": "mAP on val, macro",
}


def level(axes: Axes, value: float, words: str) -> None:
    """Draw a dotted line across, with words on it."""
    axes.axhline(value, color=GREY, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.annotate(
        words, (1, value), xycoords=("axes fraction", "data"), xytext=(0, -2), textcoords="offset points",
        ha="right", va="top", fontsize=7.5, color=GREY,
    )  # fmt: skip


def draw(root: Path) -> None:
    """Write the picture from the ``epochs.jsonl`` of the runs of `root`."""
    targets = PileDataset(root, "val").targets
    share = float(targets.mean())
    rng = np.random.default_rng(0)
    guesses = [label_metrics(rng.random(targets.shape), targets).map_macro for _ in range(50)]
    style: dict[Any, Any] = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), GREY)
    with mpl.rc_context({**style, "font.size": 8.5, "axes.edgecolor": FAINT}):
        figure = Figure(figsize=(9.6, 2.9), layout="constrained")
        panels = dict(zip(PANELS, figure.subplots(1, len(PANELS)), strict=True))
        for name, (title, colour) in RUNS.items():
            history = read_epochs(root / "runs" / name)
            for column, axes in panels.items():
                values = [row[column] for row in history]
                axes.plot([row["epoch"] for row in history], values, color=colour, linewidth=1.6, label=title)
        for column, axes in panels.items():
            axes.set_title(PANELS[column], fontsize=9)
            axes.set_xlabel("epoch")
            axes.grid(color=FAINT, linewidth=0.5)
            axes.tick_params(length=0)
            axes.spines[["top", "right", "left"]].set_visible(False)
        level(panels["val_binary_accuracy"], 1 - share, "“absent” to everything")
        level(panels["val_binary_accuracy"], PAPER, "the paper")
        level(panels["val_map_macro"], float(np.mean(guesses)), "chance")
        for column in ("val_binary_accuracy", "val_recall_micro"):
            panels[column].set_ylim(-0.02, 1.02)
        panels["val_map_macro"].set_ylim(bottom=0)
        handles, labels = panels["val_map_macro"].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(RUNS), frameon=False)
        OUT.parent.mkdir(exist_ok=True)
        figure.savefig(OUT, dpi=110, transparent=True, metadata={"Software": None})
    print(f"{OUT.name}: on val {100 * share:.2f} % of labels are positive, the mAP of chance is {np.mean(guesses):.4f}")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
