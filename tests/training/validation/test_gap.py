"""Renders against photos: scores on each, their difference, features, and what cannot be compared."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from core.errors import BrickbenchError
from dataset.dataset_folder import DatasetFolder
from dataset.pile_dataset import PileDataset
from training.commands import train
from training.run.checkpoint import load_checkpoint
from training.run.predict import label_with_features, open_split, split_logits
from training.run.run import Run
from training.validation.gap import Domain, Gap, measure_gap, score_gap
from training.validation.metrics import SCORES, label_metrics


@pytest.fixture(scope="module")
def found(mixed: Path) -> Gap:
    return measure_gap(Run.open(mixed / "runs/toy"), device="cpu", resamples=60)


def test_features_are_what_the_last_layer_reads(mixed: Path) -> None:
    checkpoint = load_checkpoint(mixed / "runs/toy")
    pictures = open_split(checkpoint, DatasetFolder.open(mixed), "val", ("real",))
    logits, features = label_with_features(checkpoint, pictures, torch.device("cpu"))
    assert len(pictures) == len(features) == 48
    head = checkpoint.model.get_classifier()
    with torch.no_grad():
        again = head(torch.from_numpy(features)).numpy()
    assert logits == pytest.approx(again, abs=1e-5)
    assert logits == pytest.approx(split_logits(checkpoint, pictures, torch.device("cpu")), abs=1e-5)


def test_scores_of_each_kind_and_their_difference(found: Gap, mixed: Path) -> None:
    renders, photos = (PileDataset(mixed, "val", sources=(kind,)) for kind in ("synthetic", "real"))
    assert found.classes == tuple(
        name
        for name, a, b in zip(renders.classes, renders.targets.any(0), photos.targets.any(0), strict=True)
        if a and b
    )
    assert found.photos.as_row() == {
        "pictures": 48, "groups": 47, "labels_per_picture": pytest.approx(photos.targets.sum() / 48)
    }  # fmt: skip
    columns = [renders.classes.index(name) for name in found.classes]
    for name in SCORES:
        values = [
            getattr(label_metrics(kind.logits[:, columns], kind.targets[:, columns]), name)
            for kind in (found.renders, found.photos)
        ]
        on_renders, on_photos, gap = found.scores[name]
        assert (on_renders.value, on_photos.value) == pytest.approx(tuple(values))
        assert gap.value == pytest.approx(values[0] - values[1])
        assert np.isnan([gap.low, gap.high]).all() or gap.low <= gap.value <= gap.high


def _domain(rng: np.random.Generator, pictures: int, noise: float) -> Domain:
    targets = (rng.random((pictures, 4)) < 0.4).astype(np.float32)
    logits = (2 * targets - 1 + noise * rng.normal(size=targets.shape)).astype(np.float32)
    return Domain(logits, targets, np.arange(pictures), rng.normal(size=(pictures, 5)).astype(np.float32))


@pytest.mark.slow
def test_the_interval_of_the_gap_covers_it() -> None:
    big = np.random.default_rng(99)
    one, other = (label_metrics(d.logits, d.targets) for d in (_domain(big, 40_000, 0.8), _domain(big, 40_000, 1.6)))
    covered = 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        renders, photos = _domain(rng, 150, 0.8), _domain(rng, 100, 1.6)
        shared = np.ones(4, dtype=np.bool_)
        gap = score_gap(renders, photos, shared, np.zeros(4), seed=trial, resamples=150)["f1_micro"][2]
        covered += gap.low <= one.f1_micro - other.f1_micro <= gap.high
        assert gap.low > 0  # far from equal
    assert covered >= 51


def test_one_picture_of_each_group_is_compared() -> None:
    rng = np.random.default_rng(0)
    domain = Domain(
        np.zeros((6, 1), np.float32), np.ones((6, 1), np.float32), np.array([7, 7, 7, 2, 2, 9]),
        np.arange(6, dtype=np.float32)[:, None],
    )  # fmt: skip
    drawn = {tuple(domain.one_a_group(rng).ravel()) for _ in range(60)}
    assert {row[0] for row in drawn} == {3.0, 4.0}
    assert {row[1] for row in drawn} == {0.0, 1.0, 2.0}
    assert {row[2] for row in drawn} == {5.0}


def test_command_prints_tables_and_json(mixed: Path, own_trained: Path) -> None:
    arguments = ["gap", str(mixed / "runs/toy"), "--device", "cpu", "--resamples", "20"]
    table = CliRunner().invoke(train, arguments)
    assert table.exit_code == 0, table.output
    assert "labels_per_picture" in table.stdout
    assert "map_macro" in table.stdout
    done = CliRunner().invoke(train, [*arguments, "--json"])
    document = json.loads(done.stdout)
    assert document["photos"]["pictures"] == 48
    assert [row["metric"] for row in document["scores"]] == list(SCORES)
    two = CliRunner().invoke(train, [*arguments, "-d", str(own_trained), "--photos", str(mixed), "--json"])
    assert json.loads(two.stdout)["scores"] == document["scores"]  # the same renders, the photos from elsewhere


def test_photos_are_needed(trained: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"has no photo in split 'val' \(\d+ in test, .*\)\. Render"):
        measure_gap(Run.open(trained / "runs/toy"), device="cpu")


def test_thresholds_must_have_been_chosen(mixed: Path) -> None:
    with pytest.raises(BrickbenchError, match=r"^No thresholds were chosen for checkpoint epoch_0001 of "):
        measure_gap(Run.open(mixed / "runs/toy"), use_thresholds=True, device="cpu")
