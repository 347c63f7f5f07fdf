"""Dataset cards: their figures counted anew in plain Python, files that stand alone, the same bytes each time."""

import itertools
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from html_page import read_alone
from toy import PARTS, make_toy_dataset

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.card.examples import choose_examples
from dataset.card.facts import VISIBLE_BINS, read_facts
from dataset.commands import card
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index, update_index
from dataset.manifest import Manifest
from dataset.masks import encode_mask
from dataset.records import PhotoInstance, PhotoRecord
from dataset.shards import write_photo_shard


def _photo(number: int) -> tuple[PhotoRecord, bytes]:
    data = cv2.imencode(".png", np.full((40, 60, 3), 10 * number, dtype=np.uint8))[1].tobytes()
    mask = np.zeros((40, 60), dtype=np.bool_)
    mask[5:20, 5:30] = True
    boxes = (
        PhotoInstance("3003", (30, 20, 20, 15)),
        PhotoInstance("3010", (5, 5, 25, 15), int(mask.sum()), encode_mask(mask)),
    )
    image_id = f"photo-{number:016x}"
    return PhotoRecord(
        image_id=image_id, group_id=image_id, file=f"images/{image_id}.png", width=60, height=40,
        content_hash=sha256_hex(data), original_file=f"{number}.png", split="test", split_given=True,
        labels=("3003", "3010"), instances=boxes,
    ), data  # fmt: skip


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 40 piles of two views and 5 photos, with the settings of a render."""
    root = make_toy_dataset(tmp_path_factory.mktemp("card") / "two words", views=2, size=48)
    write_photo_shard(root, 0, [_photo(number) for number in range(5)])
    update_index(root)
    rules = Manifest.load_folder(root).model_dump(include={"label_rule", "split_rule"})
    settings = {"seed": 0, "render": {"parts": ["3003"], "image_size_px": 48, **rules}}
    (root / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def rows(mixed: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_index(mixed) as index:
        return {
            "images": index.execute("SELECT image_id, split, source, group_id, pile_index FROM images").fetchall(),
            "labels": index.execute("SELECT image_id, part_id FROM labels").fetchall(),
            "bricks": index.execute(
                "SELECT image_id, part_id, visible_fraction, visible_rle, visible_px FROM instances"
            ).fetchall(),
        }


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(card, [str(word) for word in words])


def test_figures_are_those_of_the_rows(mixed: Path, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    facts = read_facts(DatasetFolder.open(mixed))
    images, labels, bricks = rows["images"], rows["labels"], rows["bricks"]
    split_of = {image_id: split for image_id, split, *_ in images}
    assert facts.totals["images"] == len(images) == 85
    assert facts.totals["piles"] == len({row[4] for row in images} - {None}) == 40
    assert facts.totals["photos"] == 5
    assert facts.totals["photos_elsewhere"] == 0
    assert facts.totals["instances"] == len(bricks)
    assert facts.totals["masks"] == sum(row[3] is not None for row in bricks)
    assert facts.totals["hidden"] == sum(row[4] == 0 for row in bricks)
    assert facts.totals["visibility_unknown"] == 10
    assert facts.totals["labels"] == len(labels)
    assert facts.totals["unlabelled"] == len(split_of.keys() - {image_id for image_id, _ in labels})
    for row in facts.groups:
        here = {image_id for image_id, split, source, *_ in images if (split, source) == (row["split"], row["source"])}
        assert row["images"] == len(here)
        assert row["groups"] == len({group for image_id, _, _, group, _ in images if image_id in here})
        assert row["labels"] == sum(image_id in here for image_id, _ in labels)
        assert row["instances"] == sum(brick[0] in here for brick in bricks)
    assert sum(row["images"] for row in facts.groups) == 85
    for part in facts.parts:
        found = Counter(split_of[image_id] for image_id, part_id in labels if part_id == part.part_id)
        assert {split: count for split, count in part.images.items() if count} == found
        assert part.instances == sum(brick[1] == part.part_id for brick in bricks)
    seen = [brick[2] for brick in bricks if brick[2] is not None]
    assert facts.visible.tolist() == np.histogram(seen, bins=VISIBLE_BINS, range=(0, 1))[0].tolist()
    per_image = Counter(brick[0] for brick in bricks)
    assert facts.bricks_per_image == Counter(per_image[image_id] for image_id in split_of)
    assert facts.floors == [("grey", 40), ("wood", 40)]
    assert facts.lights == [("flat", 80)]


def test_parts_together_are_counted_by_picture(mixed: Path, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    together = read_facts(DatasetFolder.open(mixed)).together
    assert together.part_ids == tuple(part.part_id for part in PARTS)
    labels: dict[str, set[str]] = {}
    for image_id, part_id in rows["labels"]:
        labels.setdefault(image_id, set()).add(part_id)
    for one, other in itertools.product(range(3), repeat=2):
        wanted = {together.part_ids[one], together.part_ids[other]}
        assert together.counts[one, other] == sum(wanted <= found for found in labels.values())


def test_the_markdown_card(mixed: Path, tmp_path: Path) -> None:
    done = call(mixed, "-o", tmp_path, "--license", "cc-by-4.0")
    assert done.exit_code == 0
    names = ["README.md", "card.html", "examples.jpg", "render.yaml"]
    assert done.stdout.split() == [str(tmp_path / name) for name in names]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---")[1])
    assert front == {
        "license": "cc-by-4.0",
        "pretty_name": "two words",
        "task_categories": ["image-classification", "object-detection", "image-segmentation"],
        "task_ids": ["multi-label-image-classification"],
        "size_categories": ["n<1K"],
        "tags": ["lego", "bricks", "brickbench", "multi-label", "synthetic", "photographs"],
    }
    facts = read_facts(DatasetFolder.open(mixed))
    for part in facts.parts:
        splits = " | ".join(str(part.images[split]) for split in ("train", "val", "test"))
        row = f"| {part.part_id} | {part.name} | {part.category} | {splits} | {part.total} | {part.instances} |"
        assert row in text
    assert "| test | real | 5 | 5 | 10 | 10 |" in text
    assert "brickbench render run render.yaml -o 'two words' --count 40 --seed 0\n" in text
    assert "brickbench dataset import PHOTOS -o 'two words'\n" in text
    settings = yaml.safe_load((mixed / "settings.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load((tmp_path / "render.yaml").read_text(encoding="utf-8")) == settings["render"]
    assert "changed after the render" not in text
    assert str(mixed.parent) not in text
    assert "\n\n\n" not in text
    sheet = cv2.imdecode(np.frombuffer((tmp_path / "examples.jpg").read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert sheet.shape == (640, 1280, 3)


def test_the_html_card_stands_alone(mixed: Path, tmp_path: Path) -> None:
    call(mixed, "-o", tmp_path)
    html = (tmp_path / "card.html").read_text(encoding="utf-8")
    page = read_alone(html)
    assert len(page.loaded) == 9
    assert not re.search(r"url\(|@import|<script|https?://", html)
    assert str(mixed.parent) not in html
    assert "prefers-color-scheme: dark" in html
    together = read_facts(DatasetFolder.open(mixed)).together
    assert f"<title>Brick 2 x 2 and Brick 1 x 4: {together.counts[0, 1]:,}</title>" in html


def test_equal_inputs_give_equal_bytes(mixed: Path, tmp_path: Path) -> None:
    shutil.copytree(mixed, tmp_path / "elsewhere" / "two words")
    for place, root in (("a", mixed), ("b", tmp_path / "elsewhere" / "two words")):
        assert call(root, "-o", tmp_path / place).exit_code == 0
    for name in ("README.md", "card.html", "examples.jpg", "render.yaml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert call(mixed, "-o", tmp_path / "c", "--seed", "1").exit_code == 0
    assert (tmp_path / "c" / "examples.jpg").read_bytes() != (tmp_path / "a" / "examples.jpg").read_bytes()


def test_examples_show_both_sources_with_masks_drawn(mixed: Path) -> None:
    examples = choose_examples(DatasetFolder.open(mixed), seed=0)
    assert [example.image_id.startswith("photo-") for example in examples] == [False] * 4 + [True] * 4
    photo = examples[-1]
    grey = 10 * int(photo.image_id.removeprefix("photo-"), 16)
    assert photo.labels == "Brick 2 x 2, Brick 1 x 4"
    assert photo.image.shape == (213, 320, 3)
    middle = photo.image[int(12 / 40 * 213), int(17 / 60 * 320)]  # inside the mask: the second part's tint
    tint = np.array([0x21, 0xA1, 0xFF])
    np.testing.assert_allclose(middle, grey * 0.6 + tint * 0.4, atol=2)
    np.testing.assert_allclose(photo.image[-5, 5], grey, atol=1)  # outside of everything


def test_a_card_is_never_written_over_unasked(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "card.html").write_text("mine", encoding="utf-8")
    done = call(mixed, "-o", tmp_path)
    assert isinstance(done.exception, BrickbenchError)
    assert str(done.exception).startswith(f"{tmp_path / 'card.html'} is there already")
    assert "--force" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["card.html"]
    assert call(mixed, "-o", tmp_path, "--force").exit_code == 0
    assert (tmp_path / "card.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_card_that_cannot_be_written_whole_leaves_nothing(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "examples.jpg" / "mine").mkdir(parents=True)  # a folder that no file can take the place of
    failed = call(mixed, "-o", tmp_path, "--force")
    assert isinstance(failed.exception, BrickbenchError), failed.output
    assert str(failed.exception).startswith(f"Cannot write {tmp_path / 'examples.jpg'}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["examples.jpg"]


def test_limits_and_notes_follow_the_figures(mixed: Path, tmp_path: Path) -> None:
    root = tmp_path / "other"
    shutil.copytree(mixed, root)
    manifest = Manifest.load_folder(root)
    rule = manifest.label_rule.model_copy(update={"min_visible_px": 2000})
    manifest.model_copy(update={"label_rule": rule}).save_folder(root)
    update_index(root)
    assert call(root, "-o", tmp_path).exit_code == 0
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "In dataset.yaml label_rule changed after the render: change it again." in text
    assert "- 80 pictures have no label." in text  # all renders: 48 x 48 pixels hold 2304
    assert "- A brick is a label where 25% of its silhouette and 2000 pixels are seen." in text
    (root / "settings.yaml").unlink()
    assert call(root, "-o", tmp_path / "again").exit_code == 0
    text = (tmp_path / "again" / "README.md").read_text(encoding="utf-8")
    assert "its renders cannot be made again." in text
    assert not (tmp_path / "again" / "render.yaml").exists()
    assert "render run" not in text


def test_a_card_of_photos_says_nothing_of_renders(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    Manifest(seed=None, parts=PARTS).save_folder(root)
    write_photo_shard(root, 0, [_photo(number) for number in range(2)])
    update_index(root)
    assert call(root, "-o", tmp_path / "card", "--license", "mit").exit_code == 0
    for name in ("README.md", "card.html"):
        text = (tmp_path / "card" / name).read_text(encoding="utf-8")
        assert not re.search(r"[Ll]abel rule|visible fraction|Floors|by floor|render", text)
        assert "No picture is in the split train or val." in text
    assert "\n\n\n" not in (tmp_path / "card" / "README.md").read_text(encoding="utf-8")


def test_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    done = call(tmp_path)
    assert isinstance(done.exception, BrickbenchError)
    assert str(done.exception).startswith(f"{tmp_path} is no Brickbench dataset")
    assert list(tmp_path.iterdir()) == []
