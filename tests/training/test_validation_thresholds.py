"""Thresholds by class: the best F1 by trying every cut, where they lie, and their file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from core.errors import BrickbenchError
from training.thresholds import Thresholds, choose_thresholds, load_thresholds, save_thresholds, thresholds_path


@settings(deadline=None, max_examples=60)
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


def _thresholds() -> Thresholds:
    return Thresholds(
        run_id="first", checkpoint="epoch_0003", split="val", pictures=20, classes=("3001", "3003"), logits=(0.1, -1.0)
    )


def test_file_there_and_back(tmp_path: Path) -> None:
    path = save_thresholds(tmp_path, _thresholds())
    assert path == thresholds_path(tmp_path, "epoch_0003") == tmp_path / "thresholds-epoch_0003.json"
    assert load_thresholds(tmp_path, "epoch_0003", ("3001", "3003")) == _thresholds()


def test_missing_damaged_and_foreign_files(tmp_path: Path) -> None:
    again = f"Run `brickbench train validate {tmp_path} --checkpoint epoch_0003 --split val --choose-thresholds`."
    with pytest.raises(BrickbenchError) as missing:
        load_thresholds(tmp_path, "epoch_0003", ("3001", "3003"))
    assert str(missing.value) == f"No thresholds were chosen for checkpoint epoch_0003 of {tmp_path}. {again}"
    path = save_thresholds(tmp_path, _thresholds())
    with pytest.raises(BrickbenchError) as foreign:
        load_thresholds(tmp_path, "epoch_0003", ("3003", "3001"))
    assert str(foreign.value) == f"{path} is of other parts than the checkpoint. {again}"
    path.write_text(path.read_text()[:40])
    with pytest.raises(BrickbenchError) as damaged:
        load_thresholds(tmp_path, "epoch_0003", ("3001", "3003"))
    assert str(damaged.value) == f"{path} is damaged. {again}"
