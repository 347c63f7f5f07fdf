"""A logit for each class above which its part counts as present, chosen on one split and kept in the run."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from core.errors import BrickbenchError
from core.files import atomic_file
from core.settings import Settings
from training.metrics import FloatArray


class Thresholds(Settings):
    """Decision thresholds of one checkpoint; a JSON file in its run."""

    run_id: str
    """Name of the run."""
    checkpoint: str
    """Such as ``epoch_0007``."""
    split: str
    """Pictures that they were chosen on."""
    pictures: int
    """How many those were."""
    classes: tuple[str, ...]
    """part_ids, one a threshold."""
    logits: tuple[float, ...]
    """A part counts as present where its logit is above."""


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


def thresholds_path(run_folder: Path, checkpoint: str) -> Path:
    """Return where the thresholds of a checkpoint, such as ``epoch_0007``, are kept."""
    return run_folder / f"thresholds-{checkpoint}.json"


def save_thresholds(run_folder: Path, thresholds: Thresholds) -> Path:
    """Write thresholds into their run, over older ones of the same checkpoint, and return the file."""
    path = thresholds_path(run_folder, thresholds.checkpoint)
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(thresholds.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
    return path


def load_thresholds(run_folder: Path, checkpoint: str, classes: tuple[str, ...]) -> Thresholds:
    """Return the thresholds of a checkpoint.

    Raises:
        BrickbenchError: there are none, the file is damaged, or it is of other classes.
    """
    path = thresholds_path(run_folder, checkpoint)
    again = f"Run `brickbench train validate {run_folder} --checkpoint {checkpoint} --split val --choose-thresholds`."
    if not path.is_file():
        raise BrickbenchError(f"No thresholds were chosen for checkpoint {checkpoint} of {run_folder}. {again}")
    try:
        found = Thresholds.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        raise BrickbenchError(f"{path} is damaged. {again}") from error
    if found.classes != classes or len(found.logits) != len(classes):
        raise BrickbenchError(f"{path} is of other parts than the checkpoint. {again}")
    return found
