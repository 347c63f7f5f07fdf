"""Thresholds by class: the best F1 by trying every cut, and where they are kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from core.errors import BrickbenchError
from training.run.checkpoint import Thresholds, load_checkpoint
from training.run.run import Run
from training.validation.thresholds import choose_thresholds, load_thresholds, save_thresholds


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 9))
def test_no_cut_has_a_better_f1(seed: int, pictures: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    logits = (rng.integers(-levels, levels + 1, size=(pictures, 1)) / 3).astype(np.float32)
    targets = rng.random((pictures, 1)) < 0.4
    (threshold,) = choose_thresholds(logits, targets)
    if not targets.any():
        assert threshold == 0.0
        return
    tried = {cut: f1_score(targets, logits > cut, zero_division=0) for cut in [-99.0, *(logits.ravel() + 1e-3)]}
    assert f1_score(targets, logits > threshold, zero_division=0) == pytest.approx(max(tried.values()))
    assert threshold not in logits


def test_in_the_middle_of_the_gap() -> None:
    logits = np.array([[3.0, 3.0, 0.5], [1.0, 1.0, 0.5], [-2.0, -2.0, 0.5]])
    targets = np.array([[1, 1, 1], [0, 1, 0], [0, 1, 0]])
    assert choose_thresholds(logits, targets).tolist() == [2.0, -3.0, -0.5]  # last two: claiming everywhere is best


def test_of_equal_cuts_the_one_that_claims_least() -> None:
    # F1 is 2/3 after the first picture (1 of 2 found) and after the fourth (both found, two wrong).
    assert choose_thresholds([[4.0], [3.0], [2.0], [1.0]], [[1], [0], [0], [1]]).tolist() == [3.5]


def test_neighbours_in_floating_point_are_kept_apart() -> None:
    low = 1.0
    high = np.nextafter(low, 2.0)
    (threshold,) = choose_thresholds([[high], [low]], [[1], [0]])
    assert low <= threshold < high


CHOSEN = Thresholds(split="val", pictures=20, logits=(0.1, -1.0, 2.0))


def test_they_lie_beside_the_weights(own_trained: Path) -> None:
    run = own_trained / "runs/toy"
    before = load_checkpoint(run).info
    opened = Run.open(run)
    path = save_thresholds(opened, "epoch_0001", CHOSEN)
    assert path == run / "checkpoints/epoch_0001.json"
    assert load_thresholds(opened, "epoch_0001") == CHOSEN
    assert load_checkpoint(run).info == before.model_copy(update={"thresholds": CHOSEN})


def test_none_were_chosen(trained: Path) -> None:
    run = trained / "runs/toy"
    with pytest.raises(BrickbenchError) as missing:
        load_thresholds(Run.open(run), "epoch_0001")
    assert str(missing.value) == (
        f"No thresholds were chosen for checkpoint epoch_0001 of {run}. Run `brickbench train validate {run} "
        "--checkpoint epoch_0001 --split val --choose-thresholds`."
    )
