"""Settings that cure: valid, weighted towards what was found, and piles come of them."""

from collections import Counter
from pathlib import Path

import pytest

from core.bootstrap import Estimate
from evaluation.findings.contrasts import GroupTest, PairTest
from evaluation.findings.cure import FACTOR, cure, cure_text, write_cure
from evaluation.intervals import Interval
from evaluation.statistics.effects import Effect, GroupEffect
from render.pile import sample_pile
from render.settings import RenderSettings

MEAN = Interval(0.7, 0.6, 0.8, 40, 20)
UP = Estimate(0.2, 0.1, 0.3)
HIGHER = GroupEffect(MEAN, MEAN, UP, 0.001)
BASE = RenderSettings(
    parts=("3001", "3003", "3020", "3022"), bricks_max=4, image_size_px=32, samples=1, own_floor=False
)


def group(kind: str, name: str) -> GroupTest:
    return GroupTest(kind, name, HIGHER, 0.01, HIGHER, HIGHER if kind == "part" else None)


def pair(shown: str, claimed: str) -> PairTest:
    return PairTest(
        shown, claimed, HIGHER, (0.5, 0.1), MEAN, 0.1, Effect(MEAN, 0.1, UP, UP, 0.001), HIGHER, 0.001, 0.01
    )


TESTS = (group("part", "3020"), pair("3001", "3003"), group("floor", "carpet"), group("lighting", "desk_lamp"))


def test_what_was_found_comes_more_often(tmp_path: Path) -> None:
    found = cure(BASE, TESTS)
    path = tmp_path / "more.yaml"
    write_cure(cure_text(found, origin="run toy", seed=4), path)
    settings = RenderSettings.load(path)
    assert settings == found.settings
    assert settings.parts == BASE.parts  # the classes, in their order
    assert settings.part_shares == {"3020": FACTOR, "3001": FACTOR, "3003": FACTOR}
    assert settings.backgrounds == BASE.backgrounds | {"carpet": FACTOR * BASE.backgrounds["carpet"]}
    assert settings.lightings == BASE.lightings | {"desk_lamp": FACTOR * BASE.lightings["desk_lamp"]}
    assert (settings.bricks_min, settings.views, settings.own_floor) == (2, 2, True)
    piles = [sample_pile(settings, 5, number) for number in range(24)]
    parts = Counter(brick.part_id for pile in piles for brick in pile.bricks)
    assert parts["3022"] < 0.2 * parts.total()  # a tenth is expected, a quarter if all were alike
    assert any({"3001", "3003"} <= {brick.part_id for brick in pile.bricks} for pile in piles)
    assert all(len(pile.bricks) >= 2 for pile in piles)
    assert all(len(pile.views) == 2 for pile in piles)


def test_the_file_says_why(tmp_path: Path) -> None:
    text = cure_text(cure(BASE, TESTS), origin="run toy", seed=4)
    assert "--count 640 --seed 5" in text
    for name in ("part_shares", "bricks_min", "views", "own_floor", "backgrounds", "lightings"):
        above = text.split(f"\n{name}:")[0].splitlines()[-1]
        assert above.startswith("# "), name
    assert "the network looks at the floor for 3020 and 3001 is taken for 3003" in " ".join(text.split()).replace(
        "# ", ""
    )
    assert all(len(line) <= 100 for line in text.splitlines())


def test_what_settings_cannot_say_is_said() -> None:
    found = cure(BASE, (group("floor", "picture"), group("part", "9999")))
    assert found.left_out == (
        "part 9999 is not among the parts of the renders",
        "floor picture comes from pictures of your own",
    )
    assert found.settings.part_shares == {}
    assert "Not in here: floor picture comes from pictures of your own." in cure_text(found, origin="x", seed=None)


@pytest.mark.slow
def test_blender_renders_it(tmp_path: Path) -> None:
    from dataset.pile_dataset import PileDataset
    from render.run import render_dataset

    settings = cure(BASE, TESTS).settings
    render_dataset(settings, tmp_path / "more", count=1, seed=5, workers=1)
    pictures = PileDataset(tmp_path / "more", None)
    assert len(pictures) == settings.views
    assert pictures.classes == BASE.parts
    assert pictures.image(0).shape == (32, 32, 3)
