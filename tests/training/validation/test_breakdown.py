"""Facts of pictures from the index, strata, and recall by visibility: by hand and against SQL."""

from pathlib import Path

import numpy as np
import pytest

from dataset.database import open_index
from dataset.pile_dataset import PileDataset
from training.validation.breakdown import FEWEST_GROUPS, recall_by_visibility, strata, stratum_scores
from training.validation.metrics import SCORES, label_metrics
from training.validation.picture_facts import PictureFacts, read_facts


def _facts(**given: object) -> PictureFacts:
    count = 6
    values: dict[str, object] = {
        "split": np.array(["val"] * count, dtype=object),
        "source": np.array(["synthetic"] * 4 + ["real"] * 2, dtype=object),
        "lighting": np.array(["sun", "sun", "flash", "flash", None, None], dtype=object),
        "background": np.array(["wood"] * 4 + [None] * 2, dtype=object),
        "bricks": np.array([1.0, 2, 3, 12, np.nan, 5]),
        "visibility": np.array([[1.0, 0.1], [0.3, 0.9], [np.nan, 1.0], [0.95, 0.5], [np.nan] * 2, [np.nan] * 2]),
    }
    return PictureFacts(**(values | given))  # type: ignore[arg-type]


TARGETS = np.array([[1, 0], [1, 1], [0, 1], [1, 1], [1, 0], [0, 1]], dtype=np.float32)


def test_visibility_of_labels() -> None:
    facts = _facts()
    assert facts.least_visible_label(TARGETS) == pytest.approx([1.0, 0.3, 1.0, 0.5, np.nan, np.nan], nan_ok=True)
    assert facts.mean_label_visibility(TARGETS) == pytest.approx([1.0, 0.6, 1.0, 0.725, np.nan, np.nan], nan_ok=True)
    nothing = np.zeros_like(TARGETS)
    assert np.isnan(facts.least_visible_label(nothing)).all()
    assert np.isnan(facts.mean_label_visibility(nothing)).all()


def test_strata_by_hand() -> None:
    found = {(s.dimension, s.name): np.flatnonzero(s.pictures).tolist() for s in strata(_facts(), TARGETS)}
    assert found == {
        ("source", "photos"): [4, 5],
        ("source", "renders"): [0, 1, 2, 3],
        ("bricks", "1"): [0],
        ("bricks", "2–3"): [1, 2],
        ("bricks", "4–6"): [5],
        ("bricks", "11 or more"): [3],
        ("least visible part", "25 % to 50 %"): [1],
        ("least visible part", "50 % to 75 %"): [3],
        ("least visible part", "95 % to 100 %"): [0, 2],
        ("mean visible fraction", "50 % to 75 %"): [1, 3],
        ("mean visible fraction", "95 % to 100 %"): [0, 2],
        ("lighting", "flash"): [2, 3],
        ("lighting", "sun"): [0, 1],
    }  # one floor and one split alone tell nothing apart


def test_scores_of_a_stratum_are_those_of_its_pictures() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(60, 3)).astype(np.float32), (rng.random((60, 3)) < 0.4).astype(np.float32)
    groups, source = np.arange(60) // 2, np.array(["real"] * 15 + ["synthetic"] * 45, dtype=object)
    facts = _facts(
        split=np.array(["val"] * 60, dtype=object), source=source, lighting=np.array([None] * 60, dtype=object),
        background=np.array([None] * 60, dtype=object), bricks=np.full(60, np.nan), visibility=np.full((60, 3), np.nan),
    )  # fmt: skip
    photos, renders = (
        stratum_scores(stratum, logits, targets, groups, thresholds=np.full(3, 0.2), seed=0, resamples=50)
        for stratum in strata(facts, targets)
    )
    assert (photos.name, photos.pictures, photos.groups, photos.has_too_few_groups) == ("photos", 15, 8, True)
    assert (renders.name, renders.pictures, renders.groups, renders.has_too_few_groups) == ("renders", 45, 23, False)
    wanted = label_metrics(logits[15:], targets[15:], 0.2)
    for name in SCORES:
        assert renders.scores[name].value == pytest.approx(getattr(wanted, name))
        assert renders.scores[name].low <= renders.scores[name].high
        assert np.isnan(photos.scores[name].low)
    row = renders.as_row()
    assert (row["by"], row["stratum"], row["groups"], row["too_few_groups"]) == ("source", "renders", 23, False)
    assert {"map_macro", "map_macro_low", "map_macro_high"} <= set(row)


def test_recall_by_visibility_by_hand() -> None:
    logits = np.array([[1, 1], [-1, 1], [1, -1], [1, 1], [1, 1], [1, 1]], dtype=np.float32)
    found = recall_by_visibility(_facts(), logits, TARGETS, np.arange(6), thresholds=np.zeros(2), seed=0, resamples=20)
    rows = {(each.low, each.high): (each.parts, each.labelled, each.claimed.value, each.groups) for each in found}
    assert rows == {
        (0.1, 0.2): (1, 0, 1.0, 1),
        (0.3, 0.4): (1, 1, 0.0, 1),
        (0.5, 0.6): (1, 1, 1.0, 1),
        (0.9, 1.0): (4, 4, 0.75, 4),
    }
    assert all(np.isnan(each.claimed.low) for each in found)  # fewer than ten groups
    assert found[-1].as_row()["recall"] == 0.75


def test_recall_by_visibility_has_intervals_over_groups() -> None:
    count = 400
    rng = np.random.default_rng(0)
    facts = _facts(visibility=rng.random((count, 2)))
    logits = np.where(rng.random((count, 2)) < facts.visibility, 1.0, -1.0).astype(np.float32)
    found = recall_by_visibility(
        facts, logits, np.ones((count, 2), np.float32), np.arange(count) // 2, thresholds=np.zeros(2), seed=0
    )
    assert len(found) == 10
    for each in found:
        assert each.claimed.low < each.claimed.value < each.claimed.high
        assert each.claimed.low - 0.05 < (each.low + each.high) / 2 < each.claimed.high + 0.05
        assert each.groups >= FEWEST_GROUPS


def test_facts_are_those_of_the_index(mixed: Path) -> None:
    pictures = PileDataset(mixed, None, classes=("4032", "3003"))
    facts = read_facts(pictures)
    with open_index(mixed) as index:
        images = {row[0]: row[1:] for row in index.execute(
            "SELECT image_id, split, source, lighting, background FROM images").fetchall()}  # fmt: skip
        instances = index.execute("SELECT image_id, part_id, visible_px, visible_fraction FROM instances").fetchall()
    for row, image_id in enumerate(pictures.image_ids):
        given = (facts.split[row], facts.source[row], facts.lighting[row], facts.background[row])
        assert given == images[image_id]
        mine = [thing for thing in instances if thing[0] == image_id]
        real = facts.source[row] == "real"
        seen = len(mine) if real else sum(px > 0 for _, _, px, _ in mine)
        assert facts.bricks[row] == pytest.approx(seen if seen or not real else np.nan, nan_ok=True)
        for column, part_id in enumerate(pictures.classes):
            fractions = [fraction for _, part, _, fraction in mine if part == part_id and fraction is not None]
            assert facts.visibility[row, column] == pytest.approx(max(fractions, default=np.nan), nan_ok=True)
    assert (facts.source == "real").sum() == 48
    assert np.isnan(facts.bricks).sum() == 24  # photos without boxes
