"""dataset.yaml, its mistakes, and the split by pile."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import PARTS

from core.errors import BrickbenchError, SettingsError
from dataset.manifest import Manifest, PartInfo, SplitRule
from dataset.splits import SPLITS, pile_group, split_of


def test_manifest_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    manifest = Manifest(seed=7, parts=PARTS, split_rule=SplitRule(train=0.5, val=0.5, test=0.0, seed=3))
    manifest.save_folder(tmp_path / "new")
    assert Manifest.load_folder(tmp_path / "new") == manifest


def test_folder_without_manifest_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError) as caught:
        Manifest.load_folder(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is no Brickbench dataset: it has no dataset.yaml. "
        "Give the folder that `brickbench render run` or `brickbench dataset import` made."
    )
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("version", [2, 99])
def test_manifest_of_another_schema_version_is_refused(tmp_path: Path, version: int) -> None:
    Manifest(schema_version=version, seed=0, parts=PARTS).save_folder(tmp_path)
    with pytest.raises(
        BrickbenchError, match=rf"has schema version {version}, this Brickbench reads 3. Use the Brickbench"
    ):
        Manifest.load_folder(tmp_path)


def test_part_listed_twice_is_refused() -> None:
    part = PartInfo(part_id="3001", name="Brick 2 x 4", category="brick")
    with pytest.raises(SettingsError, match=r"part '3001' is listed twice"):
        Manifest.parse({"seed": 0, "parts": [part, part]})


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(SettingsError, match=r"train \+ val \+ test should be 1; they sum to 1.3"):
        SplitRule.parse({"train": 1.0})


@given(seed=st.integers(0, 2**63 - 1), pile=st.integers(0, 2**40))
def test_split_is_a_pure_function_with_a_known_value(seed: int, pile: int) -> None:
    rule = SplitRule(seed=seed)
    assert split_of(rule, pile_group(pile)) == split_of(SplitRule(seed=seed), pile_group(pile))
    assert split_of(rule, pile_group(pile)) in SPLITS


@given(pile=st.integers(0, 10_000), train=st.floats(0.0, 1.0), more=st.floats(0.0, 1.0))
def test_a_larger_train_share_takes_no_pile_out_of_train(pile: int, train: float, more: float) -> None:
    larger = train + (1.0 - train) * more
    if split_of(SplitRule(train=train, val=0.0, test=1.0 - train), pile_group(pile)) == "train":
        assert split_of(SplitRule(train=larger, val=0.0, test=1.0 - larger), pile_group(pile)) == "train"


@pytest.mark.parametrize("only", SPLITS)
def test_a_share_of_one_takes_all_piles(only: str) -> None:
    rule = SplitRule(**({"train": 0.0, "val": 0.0, "test": 0.0} | {only: 1.0}))
    assert {split_of(rule, pile_group(pile)) for pile in range(300)} == {only}


def test_shares_are_kept_on_average() -> None:
    rule = SplitRule(train=0.7, val=0.2, test=0.1)
    counts = Counter(split_of(rule, pile_group(pile)) for pile in range(4000))
    for name, share in (("train", 0.7), ("val", 0.2), ("test", 0.1)):
        spread = (share * (1 - share) / 4000) ** 0.5
        assert abs(counts[name] / 4000 - share) < 4 * spread
    assert (
        len({"".join(split_of(SplitRule(seed=seed), pile_group(pile)) for pile in range(40)) for seed in range(5)}) == 5
    )
