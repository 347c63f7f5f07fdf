"""The packed cache: equal to reading, whole or not there, never stale."""

import json
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import dataset.loading.blocks as blocks_module
import dataset.loading.cache as cache
from core.errors import BrickbenchError
from dataset.loading.blocks import Blocks, block_name, read_keys, write_block
from dataset.loading.bricks import Bricks, draw_brick_map
from dataset.loading.cache import PictureFile, pack_brick_maps, pack_pictures, picture_files
from dataset.loading.network_input import resize_picture
from dataset.masks import encode_mask
from dataset.pile_dataset import PileDataset


@pytest.fixture
def root(tmp_path: Path, make_toy: Callable[..., Path]) -> Path:
    return make_toy(tmp_path / "dataset", piles=20, size=32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "BLOCK_BYTES", 6 * 24 * 24 * 3)  # six pictures of 24 px


def files_of(root: Path) -> list[PictureFile]:
    return picture_files(root, PileDataset(root, None).image_ids)


def folder_of(root: Path, kind: str = "pictures") -> Path:
    return root / "cache" / "24px-area" / kind


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_packed_equals_read(root: Path, workers: int) -> None:
    pictures = PileDataset(root, None)
    packed, places = pack_pictures(root, files_of(root), 24, workers)
    again: Blocks = pickle.loads(pickle.dumps(packed))
    for index, place in enumerate(places):
        np.testing.assert_array_equal(packed.read(place), resize_picture(pictures.image(index), 24))
        np.testing.assert_array_equal(again.read(place), packed.read(place))
    assert len(list(folder_of(root).glob("*.npy"))) == 4
    assert not packed.read(places[0]).flags.writeable


def test_packed_masks_equal_drawn_ones(root: Path) -> None:
    pictures = PileDataset(root, None, with_masks=True)
    bricks = Bricks(pictures)
    packed, places = pack_brick_maps(root, bricks, len(pictures), 32, 0)
    for index, place in enumerate(places):
        brick_map = packed.read(place)
        np.testing.assert_array_equal(brick_map > 0, pictures.all_bricks_mask(index))
        np.testing.assert_array_equal(brick_map, draw_brick_map(bricks.rles(index), 32, 32, 32))


def test_more_than_255_bricks_have_numbers_of_their_own() -> None:
    rles = []
    for brick in range(300):
        mask = np.zeros((20, 20), dtype=np.bool_)
        mask.flat[brick] = True
        rles.append(encode_mask(mask))
    brick_map = draw_brick_map(rles, 20, 20, 20)
    assert brick_map.dtype == np.uint16
    np.testing.assert_array_equal(brick_map.ravel()[:301], [*range(1, 301), 0])


def test_only_what_is_missing_is_packed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = PictureFile.read

    def counted(self: PictureFile, *args: object) -> object:
        read.append(self.file)
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureFile, "read", counted)
    files = files_of(root)
    pack_pictures(root, files[:8], 24, 0)
    assert len(read) == 8
    pack_pictures(root, files, 24, 0)
    assert sorted(read) == sorted(file.file for file in files)
    pack_pictures(root, files[::-1], 24, 0)
    assert len(read) == len(files)


def _killed_at_the_third_block(root: Path) -> None:
    written = 0
    original = blocks_module.write_block

    def kill(folder: Path, keys: list[str], rows: np.ndarray) -> None:
        nonlocal written
        written += 1
        if written == 3:  # in the middle of a file
            (folder / f".{block_name(keys)}.npy.123.tmp").write_bytes(b"half")
            (folder / f"{block_name(keys)}.npy").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        original(folder, keys, rows)

    cache.write_block = kill  # type: ignore[attr-defined]
    cache.BLOCK_BYTES = 6 * 24 * 24 * 3  # type: ignore[attr-defined]
    pack_pictures(root, files_of(root), 24, 0)


def test_a_killed_packing_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed_at_the_third_block, args=(root,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in folder_of(root).glob("*.json")}
    assert len(kept) == 2
    packed, places = pack_pictures(root, files_of(root), 24, 0)
    pictures = PileDataset(root, None)
    for index, place in enumerate(places):
        np.testing.assert_array_equal(packed.read(place), resize_picture(pictures.image(index), 24))
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())  # not packed twice
    assert not list(folder_of(root).glob(".*.tmp"))


@pytest.mark.parametrize("damage", ["cut", "first row", "other keys", "other format", "no array", "no text"])
def test_a_damaged_or_stale_block_is_packed_anew(root: Path, damage: str) -> None:
    pack_pictures(root, files_of(root), 24, 0)
    sidecar = min(folder_of(root).glob("*.json"))
    array, content = sidecar.with_suffix(".npy"), json.loads(sidecar.read_text())
    if damage == "cut":
        array.write_bytes(array.read_bytes()[:-100])
    elif damage == "first row":
        data = bytearray(array.read_bytes())
        data[200] ^= 1
        array.write_bytes(bytes(data))
    elif damage == "other keys":
        sidecar.write_text(json.dumps(content | {"keys": content["keys"][::-1]}))
    elif damage == "other format":
        sidecar.write_text(json.dumps(content | {"format": 0}))
    elif damage == "no array":
        array.unlink()
    else:
        sidecar.write_text("{")
    assert read_keys(sidecar) is None
    packed, places = pack_pictures(root, files_of(root), 24, 0)
    pictures = PileDataset(root, None)
    for index, place in enumerate(places):
        np.testing.assert_array_equal(packed.read(place), resize_picture(pictures.image(index), 24))
    assert read_keys(sidecar) is not None


def test_a_changed_picture_is_not_served_from_the_cache(root: Path, tmp_path: Path) -> None:
    """The same file name with other bytes has another hash, so another key."""
    files = files_of(root)
    packed, places = pack_pictures(root, files[:1], 24, 0)
    old = packed.read(places[0]).copy()
    image = np.full((32, 32, 3), 77, dtype=np.uint8)
    data = cv2.imencode(".png", image)[1].tobytes()
    (root / files[0].file).write_bytes(data)
    from core.files import sha256_hex

    packed, places = pack_pictures(root, [PictureFile(files[0].file, sha256_hex(data), 32, 32)], 24, 0)
    assert (packed.read(places[0]) == 77).all()
    assert (old != 77).any()


def test_two_processes_may_pack_at_once(root: Path) -> None:
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=pack_pictures, args=(root, files_of(root), 24, 0)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert len(list(folder_of(root).glob("*.npy"))) == 4


def test_where_nothing_can_be_written(root: Path) -> None:
    (root / "cache").write_text("a file")
    with pytest.raises(BrickbenchError) as caught:
        pack_pictures(root, files_of(root), 24, 0)
    assert str(caught.value) == (
        f"Cannot write in {folder_of(root)}: Not a directory. Choose another folder or mend its permissions. Or set "
        "cache_mb to 0 to read every picture from its file."
    )


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(BrickbenchError) as caught:
        write_block(tmp_path, ["a"], np.zeros((1, 2, 2, 3), dtype=np.uint8))
    assert str(caught.value) == (
        f"The cache {tmp_path} cannot be written (No space left on device): free some disk, or set cache_mb to 0 to "
        "read every picture from its file."
    )
    assert not list(tmp_path.iterdir())
