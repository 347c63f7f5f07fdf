"""Mosaics of four piles: which ones, how they are laid out, and the focus of methods on them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from dataset.pile_dataset import PileDataset
from evaluation.commands import evaluate
from evaluation.localization.focus_run import Mosaic, focus_run, mosaic_input, plan_mosaics, tiles_mask
from evaluation.localization.registry import score
from explain.bulk import explain_run
from training.run.checkpoint import load_checkpoint
from training.run.run import Run


@pytest.fixture(scope="module")
def explained(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of `trained` with maps of three methods, to write into."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("focus") / "dataset"))
    explain_run(
        Run.open(root / "runs" / "toy", root), {"gradcam": {}, "uniform": {}, "oracle": {}}, limit=1, device="cpu"
    )
    return root


def test_focus_by_hand() -> None:
    # Tiles 0 and 3 show the part. Of 10 in all, 4 + 2 lie there; the negative pixel does not count.
    values = np.array([[4.0, 0, 1, 0], [0, 0, 0, 0], [3, 0, 0, 2], [0, 0, -5, 0]])
    mask = tiles_mask(Mosaic(0, 0, (0, 1, 2, 3), (True, False, False, True)), 4)
    assert mask.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    scores = score("focus", values[None], mask[None])
    assert scores.values[0] == pytest.approx(6 / 10)
    assert scores.chance[0] == 0.5
    assert score("focus", -np.abs(values)[None], mask[None]).status.tolist() == ["zero_mass"]


def test_mosaics_hold_two_piles_with_the_part_and_two_without(trained: Path) -> None:
    pictures = PileDataset(trained, "train")
    plan = plan_mosaics(pictures, 12, seed=3)
    assert plan[:5] == plan_mosaics(pictures, 5, seed=3)
    assert plan != plan_mosaics(pictures, 12, seed=4)
    for mosaic in plan:
        assert sum(mosaic.shows) == 2
        assert len({int(pictures.groups[place]) for place in mosaic.places}) == 4
        targets = pictures.targets[list(mosaic.places), mosaic.class_index]
        assert targets.astype(bool).tolist() == list(mosaic.shows)
    for start in range(0, 12, 3):  # three parts take turns
        assert {mosaic.class_index for mosaic in plan[start : start + 3]} == {0, 1, 2}


def test_tiles_are_laid_out_in_reading_order(trained: Path) -> None:
    pictures, network = (
        PileDataset(trained, "train"),
        load_checkpoint(trained / "runs" / "toy", "best", torch.device("cpu")),
    )
    mosaic = Mosaic(0, 0, (4, 5, 6, 7), (True, True, False, False))
    whole = mosaic_input(mosaic, pictures, network, shrink=False)
    size = network.input_size_px
    assert whole.shape == (3, 2 * size, 2 * size)
    for place, (row, column) in zip(mosaic.places, [(0, 0), (0, 1), (1, 0), (1, 1)], strict=True):
        tile = whole[:, row * size : (row + 1) * size, column * size : (column + 1) * size]
        assert torch.equal(tile, network.network_input(pictures.image(place)))
    shrunk = mosaic_input(mosaic, pictures, network, shrink=True)
    assert shrunk.shape == (3, size, size)
    torch.testing.assert_close(shrunk[:, 0, 0], whole[:, :2, :2].mean(dim=(1, 2)))


def test_methods_of_the_run_are_scored_once(explained: Path) -> None:
    run = explained / "runs" / "toy"
    rows = {row.method: row for row in focus_run(Run.open(run, explained), mosaics=5, split="train", device="cpu")}
    assert set(rows) == {"gradcam", "uniform"}  # the oracle would need masks of a mosaic
    assert rows["uniform"].mean == pytest.approx(0.5, abs=1e-6)
    assert rows["uniform"].chance == 0.5
    assert np.isnan(rows["gradcam"].mean)  # shares of mass say nothing of maps whose zero means nothing
    assert [rows[name].applies for name in ("gradcam", "uniform")] == [False, True]
    files = sorted((run / "focus").glob("*/*/*.parquet"))
    stamps = [path.stat().st_mtime_ns for path in files]
    again = {row.method: row for row in focus_run(Run.open(run, explained), mosaics=5, split="train", device="cpu")}
    assert again == rows
    assert [path.stat().st_mtime_ns for path in files] == stamps
    focus_run(Run.open(run, explained), mosaics=6, split="train", methods=["uniform"], device="cpu")
    assert {len(pq.read_table(path)) for path in files} == {5, 6}


def test_command_and_wrong_use(explained: Path) -> None:
    run = explained / "runs" / "toy"
    options = ["focus", str(run), "-d", str(explained), "--split", "train", "--mosaics", "2", "--shrink", "--json"]
    rows = json.loads(CliRunner().invoke(evaluate, options, catch_exceptions=False).stdout)
    assert [row["metric"] for row in rows] == ["focus", "focus"]
    unnamed = CliRunner().invoke(evaluate, [*options, "--methods", " , "])
    assert str(unnamed.exception) == "No method was named: give --methods a comma-separated list."
    with pytest.raises(
        SettingsError, match=r"has no maps by 'gradcan' \(did you mean 'gradcam'\?\); it has gradcam, unif"
    ):
        focus_run(Run.open(run, explained), methods=["gradcan"], split="train", device="cpu")
    shutil.rmtree(run / "attributions")
    with pytest.raises(BrickbenchError, match=r"has no maps: make some with `brickbench explain run"):
        focus_run(Run.open(run, explained), split="train", device="cpu")
