"""What participants see: one style, one size, no metadata, names that tell nothing."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from evaluation.study.build.pictures import MARGIN, check_maps, draw_explanation, draw_picture, room_for_check
from evaluation.study.build.public_files import MODIFIED_S, Namer, encode, folder_digest, write_pictures

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
SIZE = 96


def drawn(values: NDArray[np.float64], picture: NDArray[np.uint8] = PICTURE) -> NDArray[np.uint8]:
    return draw_explanation(picture, values, resize="nearest", size_px=SIZE)


def test_neither_scale_nor_what_speaks_against_shows() -> None:
    positive = RNG.uniform(0.0, 1.0, (7, 7))
    positive[positive < 0.4] = 0.0
    signed = np.where(positive > 0, positive, -RNG.uniform(0.0, 9.0, (7, 7)))
    assert (drawn(positive) == drawn(256.0 * positive)).all()
    assert (drawn(positive) == drawn(signed)).all()


def test_a_map_without_anything_for_the_part_leaves_the_paled_picture() -> None:
    empty = drawn(np.zeros((7, 7)))
    assert (empty == drawn(np.full((7, 7), -2.0))).all()
    assert (empty == drawn(np.full((7, 7), np.nan))).all()
    one = np.zeros((8, 8))
    one[2, 5] = 3.0
    differs = (drawn(one) != empty).any(axis=2)
    assert differs[24:36, 60:72].all()
    differs[24:36, 60:72] = False
    assert not differs.any()


def test_what_is_twice_as_strong_is_yellower() -> None:
    values = np.zeros((8, 8))
    values[:, :4], values[:, 4:] = 1.0, 0.5
    grey = np.full((32, 32, 3), 90, dtype=np.uint8)
    strong, weak = drawn(values, grey)[10, 10].astype(int), drawn(values, grey)[10, 90].astype(int)
    assert strong[0] - strong[2] > weak[0] - weak[2] > 20


@pytest.mark.parametrize("shape", [(32, 32), (20, 40), (51, 17)])
def test_pictures_are_squares_with_even_margins(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), dtype=np.uint8)
    found = draw_picture(picture, SIZE)
    assert found.shape == (SIZE, SIZE, 3) == drawn(np.zeros((4, 4)), picture).shape
    margins = (found == MARGIN).all(axis=2)
    assert abs(margins.mean() - (1 - min(shape) / max(shape))) < 0.02
    assert abs(int(margins[:, : SIZE // 2].sum()) - int(margins[:, SIZE // 2 :].sum())) <= SIZE
    assert (
        (draw_explanation(picture, np.ones((4, 4)), resize="bilinear", size_px=SIZE) == MARGIN)
        .all(axis=2)[margins]
        .all()
    )


def test_a_check_is_on_the_part_or_beside_all_bricks() -> None:
    part, bricks = np.zeros((64, 64), dtype=np.bool_), np.zeros((64, 64), dtype=np.bool_)
    part[40:48, 8:28] = True
    bricks[part] = True
    bricks[5:15, 5:15] = True
    maps = check_maps(part, bricks)
    assert maps is not None
    target, decoy = maps
    y, x = np.unravel_index(int(target.argmax()), target.shape)
    assert 42 <= y <= 46
    assert 15 <= x <= 20  # the middle of the bar
    assert not (decoy[bricks] > 0).any()
    assert target[part].sum() > 0.5 * target.sum()
    assert np.isclose(np.sort(target.ravel()), np.sort(decoy.ravel())).all()  # the same disc


def test_no_check_without_outline_or_room() -> None:
    nothing, all_over = np.zeros((64, 64), dtype=np.bool_), np.ones((64, 64), dtype=np.bool_)
    part = nothing.copy()
    part[10:30, 10:30] = True
    assert check_maps(nothing, part) is None
    assert check_maps(part, all_over) is None
    assert room_for_check(nothing, nothing) == room_for_check(part, all_over) == 0.0


def test_files_are_of_one_size_and_show_what_was_drawn(tmp_path: Path) -> None:
    busy, flat = PICTURE, np.full((32, 32, 3), 7, dtype=np.uint8)
    files = {"b.jpg": encode(busy), "a.jpg": encode(flat)}
    assert len(files["a.jpg"]) < len(files["b.jpg"])
    write_pictures(tmp_path / "public", files)
    written = sorted((tmp_path / "public").iterdir())
    assert [path.name for path in written] == ["a.jpg", "b.jpg"]
    assert {path.stat().st_size for path in written} == {len(files["b.jpg"])}
    assert {path.stat().st_mtime for path in written} == {MODIFIED_S}
    for path in written:
        before = cv2.imdecode(np.frombuffer(files[path.name], dtype=np.uint8), cv2.IMREAD_COLOR)
        assert (cv2.imread(str(path)) == before).all()
        with Image.open(path) as opened:  # another decoder's opinion
            opened.load()
            assert (np.asarray(opened.convert("RGB"))[..., ::-1] == before).all()


def test_files_hold_no_metadata(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"a.jpg": encode(PICTURE), "b.jpg": encode(PICTURE[:16])})
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as opened:
            assert set(opened.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert not opened.getexif()
        markers, place = [], 2
        while data[place + 1] != 0xDA:  # segments up to the pixels: SOF0, tables, and JFIF's own
            markers.append(data[place + 1])
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        assert set(markers) == {0xE0, 0xDB, 0xC0, 0xC4}


def test_names_need_the_key() -> None:
    names = {Namer(secret).name("i001", "lime") for secret in (b"one", b"two")}
    assert len(names) == 2
    assert Namer(b"one").name("i001", "lime") in names
    assert {len(name) for name in names} == {24}
    assert Namer(b"one").name("i001", "gradcam") not in names


def test_the_digest_of_a_folder_tells_any_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    first = folder_digest(tmp_path)
    os.utime(tmp_path / "a", (5, 5))
    assert folder_digest(tmp_path) == first
    (tmp_path / "a").write_bytes(b"2")
    second = folder_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, folder_digest(tmp_path)}) == 3
