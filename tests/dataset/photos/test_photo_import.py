"""Imports from end to end: what comes in, what does not and why, what a second and a killed import do."""

import json
import os
import re
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.errors import BrickbenchError, SettingsError
from core.files import sha256_hex
from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index
from dataset.manifest import Manifest
from dataset.masks import decode_mask
from dataset.photos import importing, prepare, staging
from dataset.photos.annotations import Reason
from dataset.photos.importing import import_photos
from dataset.photos.plan import Leak
from dataset.photos.settings import PhotoImportSettings
from dataset.pictures import read_picture
from dataset.shards import photo_shards
from workflows.import_photos import import_photos as command

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "photos"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real photos in ../shared/photos")
KEEP = PhotoImportSettings(keep_names=True)


WITH_WORKERS: set[Callable[..., None]] = set()


def in_workers(test: Callable[..., None]) -> Callable[..., None]:
    """Let a test start worker processes."""
    WITH_WORKERS.add(test)
    return test


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare photos in this process, unless a test says that it wants workers: they take a second to start."""
    if request.function in WITH_WORKERS:
        return

    def run_here(function: Callable[[Any], Any], items: dict[str, Any], **options: Any) -> Any:
        from core.engine import Outcome

        for key, item in items.items():
            yield Outcome(key, function(item), None, 1)

    monkeypatch.setattr(staging, "run_items", run_here)


def scene(seed: int, width: int = 120, height: int = 90) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    light = cv2.resize(rng.uniform(60, 230, (3, 4, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(light, 0, 255).astype(np.uint8)
    for _ in range(4):
        x, y = rng.integers(0, [width, height])
        cv2.rectangle(pixels, (int(x), int(y)), (int(x) + 30, int(y) + 20), rng.integers(0, 255, 3).tolist(), -1)
    return pixels


def save(path: Path, pixels: npt.NDArray[np.uint8], orientation: int = 1, **settings: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[274] = orientation
    picture = Image.fromarray(pixels)
    picture.save(path, exif=exif, **settings) if orientation != 1 else picture.save(path, **settings)


@pytest.fixture
def by_class(tmp_path: Path) -> Path:
    """Return a folder per class with ten photos and all sorts of other things."""
    root = tmp_path / "my photos"
    for number in range(10):
        save(root / ("3001", "3003")[number % 2] / f"{number}.jpg", scene(number), quality=95)
    (root / "3001/notes.txt").write_text("not a photo")
    (root / "3001/broken.jpg").write_bytes((root / "3001/0.jpg").read_bytes()[:1500])
    (root / "3003/empty.png").touch()
    shutil.copy(root / "3001/0.jpg", root / "3003/same.jpg")
    save(root / "3003/near.jpg", cv2.resize(scene(1), (80, 60), interpolation=cv2.INTER_AREA), quality=70)
    return root


def rows(root: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_index(root) as index:
        return list(index.execute(sql).fetchall())


def test_folders_come_in_and_what_does_not_is_told(by_class: Path, tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    report = import_photos(by_class, root, KEEP)
    assert (report.found, report.came_in, report.copies, report.already_there) == (15, 11, 1, 0)
    assert {reason.file: reason.reason.partition(":")[0] for reason in report.set_aside} == {
        "3001/broken.jpg": "is damaged", "3003/empty.png": "is empty",
        "3001/notes.txt": "is no picture of a kind that can be read (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF, GIF)",
    }  # fmt: skip
    assert report.failed_share == 3 / 15
    assert sorted(report.duplicates) == [("3001/0.jpg", "3003/same.jpg"), ("3003/1.jpg", "3003/near.jpg")]
    assert report.leaks == ()
    assert sum(report.splits.values()) == 11
    manifest = Manifest.load_folder(root)
    assert (manifest.seed, [part.part_id for part in manifest.parts]) == (None, ["3001", "3003"])
    labels = rows(root, "SELECT original_file, list(part_id ORDER BY part_id) FROM images JOIN labels USING (image_id) "
                  "GROUP BY ALL ORDER BY ALL")  # fmt: skip
    assert labels[0] == ("3001/0.jpg", ["3001", "3003"])  # it lies in both folders
    assert labels[1:] == [(f"3001/{n}.jpg", ["3001"]) for n in (2, 4, 6, 8)] + [
        (f"3003/{name}.jpg", ["3003"]) for name in (1, 3, 5, 7, 9, "near")
    ]
    groups = dict(rows(root, "SELECT original_file, group_id FROM images"))
    assert groups["3003/1.jpg"] == groups["3003/near.jpg"]
    assert len(set(groups.values())) == 10
    assert check_dataset(DatasetFolder.open(root)) == []
    (saved,) = (root / "imports").glob("*.json")
    assert saved.name == "my photos.json"
    assert json.loads(saved.read_text()) == json.loads(json.dumps(report.as_dict()))
    assert not list((root / "imports").glob(".staging*"))


def test_a_second_import_adds_nothing_and_more_photos_follow(by_class: Path, tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    import_photos(by_class, root, KEEP)
    before = rows(root, "SELECT * FROM images ORDER BY image_id")
    report = import_photos(by_class, root, KEEP)
    assert (report.came_in, report.already_there, report.duplicates, report.leaks) == (0, 12, (), ())
    assert rows(root, "SELECT * FROM images ORDER BY image_id") == before
    more = tmp_path / "more"
    save(more / "test/3010/new.jpg", scene(50))
    save(more / "test/3003/close.jpg", cv2.resize(scene(3), (60, 45), interpolation=cv2.INTER_AREA))
    shutil.rmtree(root / "imports/fingerprints")  # it is made anew from the pictures
    report = import_photos(more, root, KEEP)
    held = dict(rows(root, "SELECT original_file, split FROM images"))
    groups = dict(rows(root, "SELECT original_file, group_id FROM images"))
    assert groups["test/3003/close.jpg"] == groups["3003/3.jpg"]
    assert held["test/3003/close.jpg"] == held["3003/3.jpg"]
    assert held["test/3010/new.jpg"] == "test"
    files = (("3003/3.jpg", held["3003/3.jpg"]), ("test/3003/close.jpg", "test"))
    assert report.leaks == (() if held["3003/3.jpg"] == "test" else (Leak(files, held["3003/3.jpg"]),))
    assert photo_shards(root) == [0, 1]
    assert [part.part_id for part in Manifest.load_folder(root).parts] == ["3001", "3003", "3010"]
    assert rows(root, "SELECT split_given FROM images WHERE original_file = 'test/3010/new.jpg'") == [(True,)]
    assert check_dataset(DatasetFolder.open(root)) == []


def test_photos_join_a_dataset_of_renders(tmp_path: Path, toy_dataset: Path) -> None:
    root = Path(shutil.copytree(toy_dataset, tmp_path / "dataset"))
    source = tmp_path / "photos"
    for number in range(3):
        save(source / "Plate 2 x 2 round" / f"{number}.jpg", scene(number))
    report = import_photos(source, root, PhotoImportSettings())
    assert (report.came_in, report.part_of) == (3, {"Plate 2 x 2 round": "4032"})
    assert rows(root, "SELECT source, count(*) FROM images GROUP BY source ORDER BY source") == [
        ("real", 3), ("synthetic", 40),
    ]  # fmt: skip
    assert Manifest.load_folder(root) == Manifest.load_folder(toy_dataset)
    assert check_dataset(DatasetFolder.open(root)) == []


def test_leaks_across_given_splits_are_resolved_or_kept(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    save(source / "train/3001/a.jpg", scene(1), quality=95)
    save(source / "test/3001/b.jpg", scene(1), quality=60)
    save(source / "train/3001/c.jpg", scene(2))
    shutil.copy(source / "train/3001/c.jpg", source / "test/3001/c.jpg")
    leaks = (
        Leak((("test/3001/b.jpg", "test"), ("train/3001/a.jpg", "train")), "test"),
        Leak((("test/3001/c.jpg", "test"), ("train/3001/c.jpg", "train")), "test"),
    )
    report = import_photos(source, tmp_path / "one", KEEP)
    assert report.leaks == leaks
    assert report.splits == {"train": 0, "val": 0, "test": 3}
    kept = import_photos(source, tmp_path / "two", PhotoImportSettings(keep_names=True, keep_leaks=True))
    assert [leak.files for leak in kept.leaks] == [leak.files for leak in leaks]
    assert kept.splits == {"train": 1, "val": 0, "test": 2}


def test_boxes_and_masks_lie_where_the_brick_is(tmp_path: Path) -> None:
    """A red brick in photos that lie on a side; the sizes in the COCO file tell that its tool did not turn them."""
    source = tmp_path / "photos"
    upright = np.full((600, 900, 3), 200, dtype=np.uint8)
    cv2.fillPoly(upright, [np.array([[300, 150], [480, 210], [420, 390], [240, 330]])], (255, 0, 0))
    coco: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "3001"}]}
    for orientation, turns in ((1, 0), (6, 1), (8, 3), (3, 0)):
        stored = np.rot90(upright, {1: 0, 6: 1, 8: 3, 3: 2}[orientation])
        save(source / f"{orientation}.png", stored, orientation)
        # Of a photo that stands on its head the size does not tell whether it was turned: it counts as upright.
        seen = cv2.inRange(np.ascontiguousarray(np.rot90(upright, turns)), (255, 0, 0), (255, 0, 0))
        (contour,), _ = cv2.findContours(seen, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        size = {"width": seen.shape[1], "height": seen.shape[0]}
        coco["images"].append({"id": orientation, "file_name": f"{orientation}.png"} | size)
        coco["annotations"].append({
            "id": orientation, "image_id": orientation, "category_id": 1, "bbox": list(cv2.boundingRect(seen)),
            "segmentation": [(contour.reshape(-1, 2) + 0.5).ravel().tolist()],
        })  # fmt: skip
    (source / "a.json").write_text(json.dumps(coco))
    root = tmp_path / "bricks"
    report = import_photos(source, root, PhotoImportSettings(keep_names=True, size_px=300))
    assert report.came_in == 4
    found = rows(root, "SELECT file, content_hash, width, height, box_xywh_px, visible_px, visible_rle "
                 "FROM images JOIN instances USING (image_id)")  # fmt: skip
    assert len(found) == 4
    for file, content_hash, width, height, box, visible_px, rle in found:
        assert (width, height) == (300, 200)
        red = cv2.inRange(read_picture(root, file, content_hash, width, height), (215, 0, 0), (255, 120, 120)) > 0
        mask = decode_mask(rle, height, width)
        assert (mask & red).sum() / (mask | red).sum() > 0.93
        assert np.abs(np.array(box) - (80, 50, 80, 80)).max() <= 1
        assert visible_px == mask.sum()
    assert check_dataset(DatasetFolder.open(root)) == []


def test_photos_are_stored_small_or_left_in_place(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    save(source / "3001/large.jpg", scene(1, 1200, 800), 6, quality=95)
    save(source / "3001/small.jpg", scene(2), quality=95)
    save(source / "3001/small.png", scene(3))
    stored, placed = tmp_path / "stored", tmp_path / "placed"
    import_photos(source, stored, PhotoImportSettings(keep_names=True, size_px=256))
    found = {file: rest for file, *rest in rows(
        stored, "SELECT original_file, file, content_hash, width, height FROM images")}  # fmt: skip
    assert found["3001/large.jpg"][2:] == [171, 256]
    # A plain JPEG that is small enough loses nothing.
    assert found["3001/small.jpg"][1] == sha256_hex((source / "3001/small.jpg").read_bytes())
    assert (stored / found["3001/small.png"][0]).suffix == ".jpg"
    import_photos(source, placed, PhotoImportSettings(keep_names=True, size_px=256, in_place=True))
    for original, file, content_hash, width, height in rows(
        placed, "SELECT original_file, file, content_hash, width, height FROM images"
    ):
        assert file == str(source / original)
        assert content_hash == sha256_hex((source / original).read_bytes())
        there = read_picture(placed, file, content_hash, width, height).astype(int)
        assert np.abs(there - read_picture(stored, *found[original])).mean() < 4
    assert not list((placed / "shards").rglob("*.jpg"))


def test_mapped_classes_and_those_left_out(by_class: Path, tmp_path: Path) -> None:
    mapping = {"3001": "3010", "3003": None}
    report = import_photos(by_class, tmp_path / "bricks", PhotoImportSettings(), mapping)
    assert report.part_of == mapping
    assert [part.part_id for part in Manifest.load_folder(tmp_path / "bricks").parts] == ["3010"]
    assert report.came_in == 5
    assert Reason("3003/1.jpg", "all of its classes are mapped to null") in report.left_out
    with pytest.raises(SettingsError, match=r"^2 classes are no part of the dataset, which has none yet: '3001', "):
        import_photos(by_class, tmp_path / "other", PhotoImportSettings())
    assert not (tmp_path / "other").exists()
    with pytest.raises(BrickbenchError, match=r"^The photos name no class that is kept, so the new dataset "):
        import_photos(by_class, tmp_path / "other", PhotoImportSettings(), {"3001": None, "3003": None})


def test_a_killed_import_goes_on_and_ends_as_it_would_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PHOTOS_PER_SHARD", 4)
    monkeypatch.setattr(staging, "PHOTOS_PER_BATCH", 3)
    source = tmp_path / "photos"
    for number in range(14):
        save(source / ("3001", "3003")[number % 2] / f"{number}.jpg", scene(number))
    save(source / "3003/near.jpg", cv2.resize(scene(1), (80, 60), interpolation=cv2.INTER_AREA))
    whole = import_photos(source, tmp_path / "whole", KEEP)
    root = tmp_path / "killed"

    def die_at(call: int, function: Callable[..., Any]) -> Callable[..., Any]:
        calls = iter(range(1000))

        def until(*arguments: Any) -> Any:
            if next(calls) == call:
                raise KeyboardInterrupt
            return function(*arguments)

        return until

    for module, name, call in ((staging, "prepare_batch", 2), (importing, "write_photo_shard", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, die_at(call, getattr(module, name)))
            with pytest.raises(KeyboardInterrupt):
                import_photos(source, root, KEEP)
    assert photo_shards(root) == [0, 1]
    decoded = []
    monkeypatch.setattr(prepare, "decode_photo", lambda *arguments: decoded.append(arguments))
    report = import_photos(source, root, KEEP)
    assert decoded == []
    assert report.as_dict() == whole.as_dict()
    sql = "SELECT shard, image_id, group_id, split, file, content_hash FROM images ORDER BY ALL"
    assert rows(root, sql) == rows(tmp_path / "whole", sql)
    assert check_dataset(DatasetFolder.open(root)) == []


def test_two_imports_at_once_are_refused(by_class: Path, tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    with staging.locked(root), pytest.raises(BrickbenchError) as error:
        import_photos(by_class, root, KEEP)
    assert str(error.value) == f"Another import into {root} is running. Wait until it is done."


def crash_on_one(batch: prepare.Batch) -> None:
    if any(photo.file.endswith("4.jpg") for _, photo in batch.photos):
        os._exit(9)  # as a decoder that runs over its buffer
    prepare.prepare_batch(batch)


def beyond_the_disk(batch: prepare.Batch) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))  # of the worker, whose larger files are refused
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    prepare.prepare_batch(batch)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


@pytest.mark.slow
@in_workers
def test_a_photo_that_kills_its_process_is_set_aside(
    by_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "prepare_batch", crash_on_one)
    report = import_photos(by_class, tmp_path / "bricks", KEEP)
    assert report.came_in == 10
    (crashed,) = [reason for reason in report.set_aside if reason.file == "3001/4.jpg"]
    assert crashed.reason.startswith("cannot be decoded: BrokenProcessPool")


@pytest.mark.slow
@in_workers
def test_a_disk_that_refuses_what_was_read_is_no_fault_of_the_photos(
    by_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "prepare_batch", beyond_the_disk)
    with pytest.raises(BrickbenchError) as error:
        import_photos(by_class, tmp_path / "bricks", KEEP)
    assert re.fullmatch(r"Cannot write \S+\.parquet: File too large\. Make room .* again\.", str(error.value))
    monkeypatch.undo()
    assert import_photos(by_class, tmp_path / "bricks", KEEP).came_in == 11


def test_the_command_counts_lists_and_fails_beyond_the_threshold(by_class: Path, tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    done = call(by_class, "-o", root, "--keep-names", "--max-failed", 0.2)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, f"{root}: 11 photos came in, 3 did not.")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["came", "in", "11"] in lines
    assert ["3003/empty.png", "is", "empty"] in lines
    failed = call(by_class, "--into", tmp_path / "other", "--keep-names", "--json")
    assert isinstance(failed.exception, BrickbenchError)
    assert str(failed.exception) == (
        "3 of 15 photos were set aside (20.0%), more than --max-failed 0 allows; the others are in "
        f"{tmp_path / 'other'}. Mend or delete those listed above and run this again, or allow a larger share."
    )
    assert json.loads(failed.stdout)["came_in"] == 11


def test_a_set_of_duplicates_too_large_to_be_a_burst_is_told(tmp_path: Path) -> None:
    for number in range(22):
        save(tmp_path / "photos/3001" / f"{number:02d}.jpg", scene(0), quality=60 + number)
    root = tmp_path / "bricks"
    done = call(tmp_path / "photos", "-o", root, "--keep-names")
    assert done.stderr.endswith(
        "22 photos count as duplicates of each other and share a split. If they show different things, import them "
        f"into a new dataset with a smaller --near.\n{root}: 22 photos came in, 0 did not.\n"
    )
    assert rows(root, "SELECT count(DISTINCT group_id), count(DISTINCT split) FROM images") == [(1, 1)]


def test_wrong_options_are_told(by_class: Path, tmp_path: Path) -> None:
    for words, message in {
        ("--size", "4"): "In the options: size_px = 4: input should be greater than or equal to 16.",
        (
            "--format",
            "coko",
        ): "Unknown format 'coko' (did you mean 'coco'?); known are yolo, coco, voc, cvat, labelme, csv, folders.",
        ("--format", "coco"): f"No photos were found in {by_class} as coco. Name another format with --format, or "
        "another folder.",
    }.items():
        error = call(by_class, "-o", tmp_path / "bricks", *words).exception
        assert isinstance(error, BrickbenchError)
        assert str(error) == message


@pytest.mark.slow
@in_workers
@needs_shared
def test_the_real_photos_come_in(tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    report = import_photos(SHARED / "yolo", root, KEEP, {"brick": "any"})
    assert (report.came_in, report.set_aside) == (240, ())
    assert report.duplicates == (("images/2_167.jpg", "images/2_268.jpg"), ("images/2_233.jpg", "images/2_77.jpg"))
    boxes = sum(len(path.read_text().split("\n")) for path in (SHARED / "yolo/labels").iterdir())
    assert 0 < rows(root, "SELECT count(*) FROM instances")[0][0] <= boxes
    assert check_dataset(DatasetFolder.open(root)) == []


@needs_shared
def test_real_photos_in_another_format_come_in(tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    report = import_photos(SHARED / "labelme", root, KEEP, {"LegoBrick": "any"})
    assert (report.came_in, len(report.left_out), report.set_aside) == (17, 8, ())
    sizes = rows(root, "SELECT DISTINCT width, height FROM images WHERE original_file LIKE '%.json'")
    assert sizes == [(512, 384)]
    assert check_dataset(DatasetFolder.open(root)) == []
