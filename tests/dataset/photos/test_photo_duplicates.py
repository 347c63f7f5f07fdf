"""Duplicates: hashes against imagehash and brute force, groups, and where they go."""

from collections.abc import Sequence

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dataset.manifest import SplitRule
from dataset.photos.duplicates import (
    Fingerprints,
    equal_pairs,
    find_duplicates,
    join,
    join_pairs,
    likeness,
    near_pairs,
    perceptual_hash,
    pixel_hash,
    thumbnail,
)
from dataset.photos.plan import Candidate, Leak, Place, plan_splits


def scene(seed: int, size: int = 160) -> npt.NDArray[np.uint8]:
    """Return a table with some bricks on it."""
    rng = np.random.default_rng(seed)
    light = cv2.resize(rng.uniform(120, 230, (3, 3, 3)), (size, size), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(light, 0, 255).astype(np.uint8)
    for _ in range(5):
        centre = rng.uniform(0.15, 0.85, 2) * size
        corners = cv2.boxPoints((centre.tolist(), (rng.uniform(0.1, 0.3, 2) * size).tolist(), rng.uniform(0, 90)))
        cv2.fillConvexPoly(pixels, corners.astype(np.int32), rng.integers(0, 255, 3).tolist())
    return pixels


def prints_of(pictures: Sequence[npt.NDArray[np.uint8]]) -> Fingerprints:
    return join([
        Fingerprints([pixel_hash(p)], np.array([perceptual_hash(p)], np.uint64), thumbnail(p)[None]) for p in pictures
    ])  # fmt: skip


def jpeg(pixels: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def test_the_perceptual_hash_is_that_of_imagehash() -> None:
    for seed in range(5):
        pixels = scene(seed)
        assert f"{perceptual_hash(pixels):016x}" == str(imagehash.phash(Image.fromarray(pixels)))


@pytest.mark.parametrize("first_new", [0, 700, 1499, 1500])
def test_near_pairs_are_those_of_a_brute_force_count(first_new: int) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 1500, dtype=np.uint64)  # more than a block
    hashes[1200] = hashes[3] ^ np.uint64(0b10110)
    hashes[1499] = hashes[1200] ^ np.uint64(1 << 63)
    found = {tuple(pair) for block in near_pairs(hashes, 16, first_new) for pair in block.tolist()}
    texts = [int(value) for value in hashes]
    expected = {
        (a, b) for b in range(first_new, 1500) for a in range(b) if (texts[a] ^ texts[b]).bit_count() <= 16
    }  # fmt: skip
    assert found == expected
    assert {(3, 1200), (1200, 1499), (3, 1499)} <= expected or first_new > 1200


def test_copies_are_found_and_other_scenes_are_not() -> None:
    original = scene(1)
    copies = [
        original.copy(), jpeg(original, 40), cv2.resize(original, (90, 90), interpolation=cv2.INTER_AREA),
        np.clip(original * 1.15, 0, 255).astype(np.uint8), np.ascontiguousarray(original[3:-3, 3:-3]),
    ]  # fmt: skip
    others = [scene(seed) for seed in range(2, 40)]
    pairs = find_duplicates(prints_of([original, *copies, *others]), 12)
    groups = join_pairs(44, pairs.tolist())
    assert groups.tolist() == [0] * 6 + list(range(6, 44))
    assert len(find_duplicates(prints_of([original, *copies, *others]), 0)) >= 1


def test_thumbnails_spare_bricks_of_another_colour() -> None:
    red, blue = scene(4), scene(4)
    red[40:90, 30:110], blue[40:90, 30:110] = (190, 20, 20), (20, 50, 190)
    prints = prints_of([red, blue, jpeg(red, 50)])
    assert sum(map(len, near_pairs(prints.hashes, 16))) == 3
    assert find_duplicates(prints, 16).tolist() == [[0, 2]]


def test_likeness_of_plain_and_equal_thumbnails() -> None:
    plain = np.stack([np.full((24, 24, 3), value, dtype=np.uint8) for value in (10, 200)])
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (2, 24, 24, 3), dtype=np.uint8)
    values = likeness(np.concatenate([plain, noise]), np.array([[0, 1], [2, 2], [2, 3]]))
    assert values[:2] == pytest.approx([1.0, 1.0])
    assert abs(values[2]) < 0.1


def test_equal_pairs_and_groups() -> None:
    assert equal_pairs(list("abcab")).tolist() == [[0, 3], [1, 4]]
    assert equal_pairs(list("abcab"), first_new=4).tolist() == [[1, 4]]
    assert join_pairs(6, [(4, 5), (1, 4), (0, 2)]).tolist() == [0, 1, 0, 3, 1, 1]
    assert find_duplicates(prints_of([]), 8).shape == (0, 2)


def photo(name: str, *splits: str | None, held: tuple[str, str] | None = None, label: str = "a") -> Candidate:
    copies = tuple((f"{name}{number or ''}.jpg", split) for number, split in enumerate(splits))
    return Candidate(f"photo-{name}", copies, (label,), held)


RULE = SplitRule(train=0.5, val=0.25, test=0.25, seed=3)


def test_given_splits_are_kept_and_a_leak_goes_to_the_most_held_out() -> None:
    photos = [
        photo("a", "train"),
        photo("b", "val"),
        photo("c", "train"),
        photo("d", "test"),
        photo("e", "test", "train"),
    ]
    plan = plan_splits(photos, [0, 1, 0, 0, 4], RULE, keep_leaks=False)
    assert plan.places == {
        "photo-a": Place("photo-a", "test", True), "photo-c": Place("photo-a", "test", True),
        "photo-d": Place("photo-a", "test", True), "photo-b": Place("photo-b", "val", True),
        "photo-e": Place("photo-e", "test", True),
    }  # fmt: skip
    assert plan.duplicates == [("a.jpg", "c.jpg", "d.jpg"), ("e.jpg", "e1.jpg")]
    assert plan.leaks == [
        Leak((("a.jpg", "train"), ("c.jpg", "train"), ("d.jpg", "test")), "test"),
        Leak((("e.jpg", "test"), ("e1.jpg", "train")), "test"),
    ]


def test_leaks_stay_on_request_in_groups_of_their_own() -> None:
    photos = [photo("a", "train"), photo("b", None), photo("c", "test"), photo("d", "train")]
    plan = plan_splits(photos, [0, 0, 0, 0], RULE, keep_leaks=True)
    assert plan.places == {
        "photo-a": Place("photo-a", "train", True), "photo-d": Place("photo-a", "train", True),
        "photo-b": Place("photo-b", "test", True), "photo-c": Place("photo-b", "test", True),
    }  # fmt: skip
    assert [leak.went_to for leak in plan.leaks] == ["each to its own"]


def test_copies_of_photos_in_the_dataset_follow_them() -> None:
    photos = [photo("a", "train", held=("photo-x", "train")), photo("b", "test"), photo("c", None), photo("d", "train")]
    plan = plan_splits(photos, [0, 0, 0, 3], RULE, keep_leaks=False)
    assert plan.places == {
        "photo-b": Place("photo-x", "train", False), "photo-c": Place("photo-x", "train", False),
        "photo-d": Place("photo-d", "train", True),
    }  # fmt: skip
    assert plan.leaks == [Leak((("a.jpg", "train"), ("b.jpg", "test")), "train")]
    kept = plan_splits(photos, [0, 0, 0, 3], RULE, keep_leaks=True)
    assert kept.places["photo-b"] == Place("photo-b", "test", True)
    again = [photo("a", "train", None, held=("photo-x", "train"))]
    assert plan_splits(again, [0], RULE, keep_leaks=False).duplicates == []


def test_drawn_splits_give_each_part_its_share_and_keep_groups_whole() -> None:
    photos = [photo(f"{number:03d}", None, label="ab"[number % 2]) for number in range(80)]
    components = [number if number >= 20 else number // 10 * 10 + number % 2 for number in range(80)]
    plan = plan_splits(photos, components, RULE, keep_leaks=False)
    for label in "ab":
        splits = [plan.places[one.image_id].split for one in photos if one.labels == (label,)]
        assert {split: splits.count(split) for split in ("train", "val", "test")} == {
            "train": 20,
            "val": 10,
            "test": 10,
        }
    assert not any(place.is_given for place in plan.places.values())
    together = {plan.places[f"photo-{number:03d}"] for number in range(0, 10, 2)}
    assert len(together) == 1
    backwards = plan_splits(photos[::-1], components[::-1], RULE, keep_leaks=False)
    assert backwards.places == plan.places


def test_a_draw_makes_up_for_what_is_there() -> None:
    held = [photo(f"h{number}", "train", held=(f"photo-h{number}", "train")) for number in range(10)]
    new = [photo(f"n{number}", None) for number in range(10)]
    plan = plan_splits([*held, *new], list(range(20)), RULE, keep_leaks=False)
    splits = [place.split for place in plan.places.values()]
    assert [splits.count(split) for split in ("train", "val", "test")] == [0, 5, 5]
