"""A logit for each class above which its part counts as present, chosen on one split and kept beside the weights."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError
from training.run.checkpoint import Thresholds, load_info, resolve_checkpoint, save_info
from training.run.run import Run
from training.validation.metrics import FloatArray


def choose_thresholds(logits: npt.ArrayLike, targets: npt.ArrayLike) -> FloatArray:
    """Return for each class the logit with the best F1 on these pictures, (C,).

    A threshold stands in the middle between two neighbouring scores, and 1 below the lowest where claiming the part
    everywhere is best. Of cuts with equal F1 the highest is taken, which claims least. A class without positives
    keeps 0: nothing speaks for another value.

    Args:
        logits: (N, C) float.
        targets: (N, C) 0 or 1.
    """
    scores, truth = np.asarray(logits, dtype=np.float64), np.asarray(targets) > 0.5
    return np.array([_best_cut(scores[:, c], truth[:, c]) for c in range(truth.shape[1])])


def _best_cut(scores: FloatArray, positives: npt.NDArray[np.bool_]) -> float:
    if not positives.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], positives[order]
    last_of_ties = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    f1 = 2 * np.cumsum(hits)[last_of_ties] / (last_of_ties + 1 + hits.sum())
    cut = int(last_of_ties[np.argmax(f1)])
    if cut + 1 == len(ranked):
        return float(ranked[cut] - 1.0)
    middle = (ranked[cut] + ranked[cut + 1]) / 2
    return float(middle if middle < ranked[cut] else ranked[cut + 1])  # neighbours in floating point have no middle


def save_thresholds(run: Run, checkpoint: str, thresholds: Thresholds) -> Path:
    """Write thresholds into the JSON file beside a checkpoint of a run, over older ones, and return that file.

    There they go wherever the checkpoint goes.
    """
    weights = resolve_checkpoint(run.folder, checkpoint)
    save_info(weights, load_info(weights).model_copy(update={"thresholds": thresholds}))
    return weights.with_suffix(".json")


def load_thresholds(run: Run, checkpoint: str) -> Thresholds:
    """Return the thresholds of a checkpoint.

    Raises:
        BrickbenchError: there are none, or the file beside the checkpoint is damaged.
    """
    thresholds = load_info(resolve_checkpoint(run.folder, checkpoint)).thresholds
    if thresholds is None:
        raise BrickbenchError(
            f"No thresholds were chosen for checkpoint {checkpoint} of {run.folder}. Run "
            f"`brickbench train validate {run.folder} --checkpoint {checkpoint} --split val --choose-thresholds`."
        )
    return thresholds
