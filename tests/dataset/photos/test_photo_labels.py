"""No label is lost in silence: each kind of folder that tools write, and what an import says of it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from pycocotools import mask as coco

from core.engine import Outcome
from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from dataset.manifest import Manifest, PartInfo
from dataset.photos import staging
from dataset.photos.importing import import_photos, read_photos
from dataset.photos.mapping import are_alike, clean_name, map_classes
from dataset.photos.settings import PhotoImportSettings
from workflows.import_photos import import_photos as command
from workflows.import_photos import part_catalogue

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "cases"
WIDTH, HEIGHT = 160, 120
LINE = "0 0.5 0.5 0.2 0.2\n"
Files = dict[str, str | bytes | None]


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare photos in this process: workers take a second to start."""

    def run_here(function: Any, items: dict[str, Any], **options: Any) -> Any:
        for key, item in items.items():
            yield Outcome(key, function(item), None, 1)

    monkeypatch.setattr(staging, "run_items", run_here)


def noise(name: str) -> npt.NDArray[np.uint8]:
    """Return a picture that no other name gives."""
    rng = np.random.default_rng(list(name.encode()))
    small = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST))


def write(root: Path, files: Files) -> Path:
    """Write files; None stands for a picture."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            Image.fromarray(noise(name)).save(path, "PNG")
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def call(source: Path, root: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [str(source), "-o", str(root), *words])


def labels(root: Path) -> dict[str, list[str]]:
    """Return the part_ids of each photo in a dataset, by the name that it came with."""
    with open_index(root) as index:
        rows = index.execute(
            "SELECT original_file, list(part_id ORDER BY part_id) FILTER (part_id IS NOT NULL) FROM images "
            "LEFT JOIN labels USING (image_id) GROUP BY original_file ORDER BY original_file"
        ).fetchall()
    return {file: found or [] for file, found in rows}


def boxes(root: Path) -> list[tuple[int, ...]]:
    with open_index(root) as index:
        return [
            tuple(row[0]) for row in index.execute("SELECT box_xywh_px FROM instances ORDER BY image_id").fetchall()
        ]


def imported(tmp_path: Path, files: Files, *words: str) -> dict[str, list[str]]:
    """Import `files` into a new dataset and return the labels of the photos; all of them come in."""
    done = call(write(tmp_path / "photos", files), tmp_path / "bricks", "--keep-names", *words)
    assert done.exit_code == 0, (done.output, done.exception)
    return labels(tmp_path / "bricks")


def refusal(source: Path, root: Path, *words: str) -> str:
    done = call(source, root, "--keep-names", *words)
    assert isinstance(done.exception, BrickbenchError), done.output
    return str(done.exception)


NAMES = "names: ['3001', '3003']\n"
YOLO_FOLDERS: dict[str, Files] = {
    "images and labels in any case": {
        "data.yaml": f"{NAMES}train: Images/train\nval: images/VAL\n",
        "Images/train/a.jpg": None, "Labels/train/a.TXT": LINE, "Images/val/b.JPG": None, "labels/val/b.txt": LINE,
    },
    "usual names of picture folders": {
        "data.yaml": f"{NAMES}train: JPEGImages/train\nval: imgs/val\n",
        "JPEGImages/train/a.jpg": None, "labels/train/a.txt": LINE, "imgs/val/b.jpg": None, "label/val/b.txt": LINE,
    },
    "another machine's folders, a test split that is not there": {
        "data.yaml": f"{NAMES}train: proj-1/train/images\nval: ../x/valid/images\ntest: ../test/images\n",
        "train/images/a.jpg": None, "train/labels/a.txt": LINE, "valid/images/b.jpg": None, "valid/labels/b.txt": LINE,
    },
    "Darknet and CVAT 1.1": {
        "obj.names": "3001\n3003\n", "obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n",
        "train.txt": "data/obj_train_data/a.jpg\ndata/obj_train_data/b.jpg\n",
        "obj_train_data/a.jpg": None, "obj_train_data/a.txt": LINE, "obj_train_data/b.jpg": None,
        "obj_train_data/b.txt": LINE,
    },
    "Label Studio": {
        "classes.txt": "3001\n3003\n", "notes.json": '{"categories": [{"id": 0, "name": "3001"}], "info": {}}',
        "images/a.jpg": None, "labels/a.txt": LINE, "images/b.jpg": None, "labels/b.txt": LINE,
    },
    "labelImg": {"classes.txt": "3001\n3003\n", "a.jpg": None, "a.txt": LINE, "b.jpg": None, "b.txt": LINE},
    "in an archive's top folder": {
        "export/data.yaml": f"{NAMES}train: images\n", "export/images/a.jpg": None, "export/labels/a.txt": LINE,
        "export/images/b.jpg": None, "export/labels/b.txt": LINE,
    },
    "folders of any name": {
        "bricks.yaml": f"{NAMES}train: foto\nval: foto\n", "foto/a.jpg": None, "ann/a.txt": LINE, "foto/b.jpg": None,
        "ann/b.txt": LINE,
    },
    "dataset.yaml as Ultralytics calls it": {
        "top/dataset.yaml": f"{NAMES}train: images/train\nval: images/val\n",
        "top/images/train/a.jpg": None, "top/labels/train/a.txt": LINE, "top/images/val/b.jpg": None,
        "top/labels/val/b.txt": LINE,
    },
}  # fmt: skip


@pytest.mark.parametrize("files", YOLO_FOLDERS.values(), ids=YOLO_FOLDERS)
def test_labels_of_yolo_are_found(tmp_path: Path, files: Files) -> None:
    found = imported(tmp_path, files)
    assert [Path(file).stem for file in found] == ["a", "b"]
    assert list(found.values()) == [["3001"], ["3001"]]


def test_yolo_without_names_of_its_classes_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"images/a.jpg": None, "labels/a.txt": LINE})
    assert "holds YOLO labels (labels/a.txt), but no file with the names" in refusal(folder, tmp_path / "bricks")
    assert not (tmp_path / "bricks").exists()


def test_names_in_data_yaml_are_text_as_they_stand(tmp_path: Path) -> None:
    lines = "".join(f"{number} 0.5 0.5 0.2 0.2\n" for number in range(4))
    found = imported(tmp_path, {"data.yaml": "names: [on, 0703, 1_5, 3.10]\ntrain: .\n", "a.jpg": None, "a.txt": lines})
    assert found == {"a.jpg": ["0703", "1_5", "3.10", "on"]}


def test_a_tab_in_yaml_and_a_class_without_name_are_told_by_their_place(tmp_path: Path) -> None:
    folder = write(tmp_path / "tab", {"data.yaml": "names:\n\t- 3001\ntrain: .\n", "a.jpg": None})
    assert f"{folder / 'data.yaml'} cannot be used: line 2, column 1 holds a tab" in refusal(folder, tmp_path / "one")
    folder = write(tmp_path / "null", {"data.yaml": "names: [~]\ntrain: .\n", "a.jpg": None, "a.txt": LINE})
    assert "line 1 of a.txt is of class 0, which data.yaml does not name" in refusal(folder, tmp_path / "two")


def test_keypoints_are_no_outlines(tmp_path: Path) -> None:
    line = "0 0.5 0.5 0.2 0.2 0.1 0.1 0.2 0.2\n"
    files: Files = {"data.yaml": "names: [a1]\ntrain: .\nkpt_shape: [2, 2]\n", "a.jpg": None, "a.txt": line}
    imported(tmp_path, files)
    assert boxes(tmp_path / "bricks") == [(64, 48, 32, 24)]


def test_photos_of_train_alone_are_divided_and_that_is_told(tmp_path: Path) -> None:
    files: Files = {"data.yaml": "names: [brick]\ntrain: images\n"}
    for number in range(12):
        files |= {f"images/{number}.jpg": None, f"labels/{number}.txt": LINE}
    done = call(write(tmp_path / "photos", files), tmp_path / "bricks", "--keep-names")
    assert "data.yaml names pictures of train alone, so they are divided" in done.stderr
    with open_index(tmp_path / "bricks") as index:
        assert len(index.execute("SELECT DISTINCT split FROM images").fetchall()) > 1


def test_labels_of_no_picture_are_counted_and_named(tmp_path: Path) -> None:
    files: Files = {"classes.txt": "brick\n", "a.jpg": None, "a.txt": LINE, "b.jpg": None, "gone.txt": 2 * LINE}
    done = call(write(tmp_path / "photos", files), tmp_path / "bricks", "--keep-names")
    assert "1 of 2 photos have no labels, 2 annotations were used by no photo." in done.stderr
    assert "gone.txt" in done.stdout


def coco_file(
    images: list[dict[str, Any]], annotations: list[dict[str, Any]], categories: list[dict[str, Any]] | None = None
) -> str:
    return json.dumps({
        "images": images, "annotations": annotations, "categories": categories or [{"id": 1, "name": "3001"}],
    })  # fmt: skip


def image(number: Any, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT} | more


def thing(number: Any, image_id: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image_id, "category_id": 1, "bbox": [10, 10, 20, 20]} | more


def test_coco_ids_are_joined_as_text_and_unlisted_images_are_told(tmp_path: Path) -> None:
    text = coco_file(
        [image("1", "a.jpg"), image(2, "b.jpg")],
        [thing(1, 1), thing(2, "2", category_id="1", bbox=[]), thing(3, 7), thing(4, 7)],
    )
    folder = write(tmp_path / "photos", {"c.json": text, "a.jpg": None, "b.jpg": None})
    done = call(folder, tmp_path / "bricks", "--keep-names")
    assert done.exit_code == 0
    assert labels(tmp_path / "bricks") == {"a.jpg": ["3001"], "b.jpg": ["3001"]}
    assert "0 of 2 photos have no labels, 2 annotations were used by no photo." in done.stderr
    assert "has 2 annotations of image 7, which it does not list" in done.stdout


def test_listings_of_one_file_are_merged(tmp_path: Path) -> None:
    one = coco_file([image(1, "a.jpg"), image(2, "a.jpg")], [thing(1, 1), thing(2, 2, bbox=[50, 50, 9, 9])])
    other = coco_file([image(1, "a.jpg")], [thing(1, 1)], [{"id": 1, "name": "3003"}])
    assert imported(tmp_path, {"one.json": one, "other.json": other, "a.jpg": None}) == {"a.jpg": ["3001", "3003"]}
    assert len(boxes(tmp_path / "bricks")) == 3


def test_one_id_of_two_coco_images_is_refused(tmp_path: Path) -> None:
    text = coco_file([image(3, "a.jpg"), image("3", "b.jpg")], [thing(1, 3)])
    folder = write(tmp_path / "photos", {"c.json": text, "a.jpg": None, "b.jpg": None})
    assert "two images have the id 3: 'a.jpg' and 'b.jpg'" in refusal(folder, tmp_path / "bricks")


RLE = coco.encode(np.asfortranarray(np.ones((10, 10), dtype=np.uint8)))
BAD_OBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "odd": ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "the outline of annotation 5 has 7 numbers"),
    "flat": ({"bbox": None, "segmentation": [[1, 1, 5, 5, 9, 9]]}, "the outline of annotation 5 is flat"),
    "words": ({"segmentation": [["a", 1, 2, 3, 4, 5]]}, "the outline of annotation 5 should be numbers"),
    "box": ({"bbox": [1, 2, "x", 4]}, "the box of annotation 5 should be four numbers"),
    "null box": ({"bbox": [1, 2, None, 4]}, "the box of annotation 5 should be four numbers"),
    "rle": ({"segmentation": {"size": [10, 10], "counts": RLE["counts"].decode()}}, "has a mask of 10 x 10 pixels"),
    "no size": ({"segmentation": {"counts": "x"}}, "the mask of annotation 5 should have a size"),
    "shares": ({"bbox": [0.1, 0.1, 0.5, 0.5]}, "in shares of the picture, where pixels are expected"),
    "category": ({"category_id": None}, "annotation 5 is of category null"),
}


@pytest.mark.parametrize(("values", "reason"), BAD_OBJECTS.values(), ids=BAD_OBJECTS)
def test_what_is_wrong_with_an_object_is_told_by_its_annotation(
    tmp_path: Path, values: dict[str, Any], reason: str
) -> None:
    text = coco_file([image(1, "a.jpg"), image(2, "b.jpg")], [thing(4, 1), thing(5, 2, **values)])
    folder = write(tmp_path / "photos", {"c.json": text, "a.jpg": None, "b.jpg": None})
    report = import_photos(folder, tmp_path / "bricks", PhotoImportSettings(keep_names=True))
    assert [(aside.file, aside.labels) for aside in report.set_aside] == [("b.jpg", 1)]
    assert reason in report.set_aside[0].reason
    assert labels(tmp_path / "bricks") == {"a.jpg": ["3001"]}


def test_a_flat_outline_leaves_the_box_beside_it(tmp_path: Path) -> None:
    text = coco_file([image(1, "a.jpg")], [thing(1, 1, segmentation=[[10, 10, 20, 20, 30, 30]])])
    imported(tmp_path, {"c.json": text, "a.jpg": None})
    assert boxes(tmp_path / "bricks") == [(10, 10, 20, 20)]


def test_a_category_without_name_is_no_class_called_none(tmp_path: Path) -> None:
    text = coco_file([image(1, "a.jpg")], [thing(1, 1)], [{"id": 1, "name": None}])
    folder = write(tmp_path / "photos", {"c.json": text, "a.jpg": None})
    assert "annotation 1 is of category 1, which has no name" in refusal(folder, tmp_path / "bricks")


def voc(name: str, part: str = "3001", objects: str | None = None) -> str:
    box = "<bndbox><xmin>11</xmin><ymin>11</ymin><xmax>40</xmax><ymax>30</ymax></bndbox>"
    things = f"<object><name>{part}</name>{box}</object>" if objects is None else objects
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
    return f"<annotation><filename>{name}</filename>{size}{things}</annotation>"


def test_a_copied_file_name_does_not_cost_the_neighbour_its_objects(tmp_path: Path) -> None:
    files: Files = {"a.xml": voc("a.jpg"), "b.xml": voc("a.jpg", "3003"), "a.jpg": None, "b.jpg": None}
    assert imported(tmp_path, files) == {"a.jpg": ["3001"], "b.jpg": ["3003"]}


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-16", "utf-8"])
def test_xml_is_read_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + voc("a.jpg", "Stein grün")
    assert imported(tmp_path, {"a.xml": text.encode(encoding), "a.jpg": None}) == {"a.jpg": ["Stein grün"]}


def test_xml_that_is_not_in_its_encoding_is_told_by_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.xml": b"<annotation>\n\xe9</annotation>", "a.jpg": None})
    assert "a.xml: it is no valid XML: line 2" in refusal(folder, tmp_path / "bricks")
    # What declares UTF-16 and is UTF-8 is common.
    text = '<?xml version="1.0" encoding="utf-16"?>' + voc("a.jpg")
    assert imported(tmp_path / "two", {"a.xml": text, "a.jpg": None}) == {"a.jpg": ["3001"]}


def test_voc_objects_without_box_and_with_outlines(tmp_path: Path) -> None:
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((10, 10), (30, 10), (30, 30)))
    objects = f"<object><name>p1</name></object><object><name>p2</name><polygon>{points}</polygon></object>"
    assert imported(tmp_path, {"a.xml": voc("a.jpg", objects=objects), "a.jpg": None}) == {"a.jpg": ["p1", "p2"]}
    (box,) = boxes(tmp_path / "bricks")
    assert np.abs(np.array(box) - (10, 10, 20, 20)).max() <= 1


def test_cvat_for_images(tmp_path: Path) -> None:
    runs = "0,4,4"
    shapes = (
        '<box label="p1" xtl="10" ytl="20" xbr="30" ybr="40"/><box label="p2" xtl="50" ytl="50" xbr="70" ybr="60" '
        'rotation="90"/><polygon label="p3" points="1,2;11,2;11,12"/><mask label="p4" rle="' + runs + '" left="100" '
        'top="80" width="4" height="2"/><ellipse label="p5" cx="40" cy="90" rx="10" ry="5"/><points label="p6" '
        'points="3,4"/><tag label="p7"/>'
    )
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    text = (
        f'<?xml version="1.0"?><annotations><version>1.1</version><meta/><image id="0" name="sub/a.jpg" {size} '
        f'subset="Train">{shapes}</image><image id="1" name="b.jpg" {size}/></annotations>'
    )
    files: Files = {"annotations.xml": text, "images/sub/a.jpg": None, "images/b.jpg": None}
    found = imported(tmp_path, files)
    assert found == {"images/b.jpg": [], "images/sub/a.jpg": [f"p{n}" for n in range(1, 8)]}
    assert boxes(tmp_path / "bricks")[0] == (10, 20, 20, 20)
    left, top, width, height = boxes(tmp_path / "bricks")[1]
    assert abs(np.array((left, top, width, height)) - (55, 45, 10, 20)).max() <= 1
    assert (100, 80, 4, 1) in boxes(tmp_path / "bricks")


def test_cvat_of_a_video_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"a.xml": "<annotations><track id='0'/></annotations>", "a.jpg": None})
    assert "is of a video (CVAT for video)" in refusal(folder, tmp_path / "bricks")


def labelme(name: str, shapes: list[dict[str, Any]], **more: Any) -> str:
    head = {"shapes": shapes, "imagePath": name, "imageWidth": WIDTH, "imageHeight": HEIGHT, "imageData": None}
    return json.dumps(head | more)


def test_flags_of_labelme_are_labels(tmp_path: Path) -> None:
    files: Files = {"a.json": labelme("a.jpg", [], flags={"3001": True, "3003": False}), "a.jpg": None}
    assert imported(tmp_path, files) == {"a.jpg": ["3001"]}


BAD_SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "flat": ({"label": "a", "points": [[1, 1], [2, 2], [3, 3]]}, "the outline of its shape 1 (a) is flat"),
    "odd": ({"label": "a", "points": [[1, 1], [2], [3, 3]]}, "its shape 1 (a) should have points of two numbers each"),
    "null": ({"label": None, "points": [[1, 1], [2, 4], [3, 3]]}, "its shape 1 has no label"),
    "circle": ({"label": "a", "shape_type": "circle", "points": [[1, 1]]}, "its shape 1 (a) has 1 points"),
    "rectangle": ({"label": "a", "shape_type": "rectangle", "points": [[1, 1]]}, "its shape 1 (a) has 1 corners"),
}


@pytest.mark.parametrize(("shape", "reason"), BAD_SHAPES.values(), ids=BAD_SHAPES)
def test_bad_shapes_are_told_by_number(tmp_path: Path, shape: dict[str, Any], reason: str) -> None:
    folder = write(tmp_path / "photos", {"a.json": labelme("a.jpg", [shape]), "a.jpg": None})
    assert f"a.json: {reason}" in refusal(folder, tmp_path / "bricks")


@pytest.mark.parametrize("text", [labelme("a.jpg", [])[:30], coco_file([image(1, "a.jpg")], [thing(1, 1)])[:-20]])
def test_json_that_breaks_off_is_told_by_its_place(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path / "photos", {"a.json": text, "a.jpg": None})
    assert "it breaks off in line 1, column " in refusal(folder, tmp_path / "bricks")


TABLES: dict[str, str] = {
    "sep": "sep=;\r\nfile;part\r\na.jpg;3001\r\nb.jpg;3003\r\n",
    "RetinaNet": "a.jpg,10,20,50,60,3001\nb.jpg,,,,,\n".replace("b.jpg,,,,,", "b.jpg,10,20,50,60,3003"),
    "class before corners": "a.jpg,3001,10,20,50,60\nb.jpg,3003,10,20,50,60\n",
    "stems": "image_id,label\na,3001\nb,3003\n",
    "xywh": "file,part,x,y,w,h\na.jpg,3001,10,20,40,40\nb.jpg,3003,10,20,40,40\n",
    "centres": "image,label,x_center,y_center,width,height\na.jpg,3001,30,40,40,40\nb.jpg,3003,30,40,40,40\n",
    "OpenImages": "ImageID,LabelName,XMin,XMax,YMin,YMax\na,3001,0.0625,0.3125,0.1666667,0.5\nb,3003,0.1,0.3,0.2,0.5\n",
    "UTF-16": "file\tpart\na.jpg\t3001\nb.jpg\t3003\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_tools(tmp_path: Path, name: str) -> None:
    content = TABLES[name].encode("utf-16" if name == "UTF-16" else "utf-8")
    found = imported(tmp_path, {"t.csv": content, "a.jpg": None, "b.jpg": None})
    assert found == {"a.jpg": ["3001"], "b.jpg": ["3003"]}
    if name not in {"sep", "stems", "UTF-16"}:
        assert (10, 20, 40, 40) in boxes(tmp_path / "bricks")


def test_part_numbers_without_heading_are_no_corners(tmp_path: Path) -> None:
    found = imported(tmp_path, {"t.csv": "a.jpg,3001,3002,3003,3004,3005\n", "a.jpg": None})
    assert found == {"a.jpg": ["3001", "3002", "3003", "3004", "3005"]}


def test_a_part_s_name_with_a_comma_is_one_part(tmp_path: Path) -> None:
    table = (
        'file,part\na.jpg,"Slope, inverted 45 2 x 1"\nb.jpg,"3001, Slope, inverted 45 2 x 1,3003"\n'
        "c.jpg,Slope, inverted 45 2 x 1\n"
    )
    found = imported(tmp_path, {"t.csv": table, "a.jpg": None, "b.jpg": None, "c.jpg": None})
    assert found == {"a.jpg": ["3665"], "b.jpg": ["3001", "3003", "3665"], "c.jpg": ["3665"]}


BAD_TABLES: dict[str, tuple[str, str]] = {
    "quote": ('file,part\na.jpg,"3001\n', "t.csv has a quote in line 2, column 7 that is not closed"),
    "box": ("file,part,bbox\na.jpg,3001,1\n", "t.csv has boxes in the columns bbox, which cannot be read"),
    "half a box": ("file,part,xmin,ymin\na.jpg,3001,1,2\n", "has boxes in the columns xmin, ymin, which cannot"),
    "no numbers": ("file,part,x,y,w,h\na.jpg,3001,1,2,3,\n", "line 2 of t.csv has a box that is no four numbers"),
    "no part": ("file,part,x,y,w,h\na.jpg,,1,2,3,4\n", "line 2 of t.csv has a box, but no part"),
    "heading": ("bild,teil\na.jpg,3001\n", "t.csv has no column of files: its headings are bild, teil"),
    "cells": ("part,file\n3001,a.jpg,x\n", "line 2 of t.csv has 3 cells where the heading has 2"),
}


@pytest.mark.parametrize(("table", "reason"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_are_told_by_their_line(tmp_path: Path, table: str, reason: str) -> None:
    folder = write(tmp_path / "photos", {"t.csv": table, "a.jpg": None})
    assert reason in refusal(folder, tmp_path / "bricks")


def test_the_top_folder_of_an_archive_is_no_part(tmp_path: Path) -> None:
    files: Files = {"export/x/3001/a.jpg": None, "export/x/3003/b.jpg": None}
    assert list(imported(tmp_path / "plain", files).values()) == [["3001"], ["3003"]]
    files = {"export/train/3001/a.jpg": None, "export/test/3003/b.jpg": None}
    assert list(imported(tmp_path / "splits", files).values()) == [["3003"], ["3001"]]
    # A part may have folders of its own.
    assert imported(tmp_path / "part", {"3001/deep/a.jpg": None}) == {"3001/deep/a.jpg": ["3001"]}


@pytest.mark.parametrize("place", ["images/a.jpg", "train/images/a.jpg", "photos/images/a.jpg"])
def test_folders_that_tools_make_are_no_parts(tmp_path: Path, place: str) -> None:
    folder = write(tmp_path / "photos", {place: None})
    assert "which is no part. Put a file with the labels beside the photos" in refusal(folder, tmp_path / "bricks")


def test_what_was_set_aside_is_printed_before_the_sentence(tmp_path: Path) -> None:
    text = coco_file([image(1, "gone.jpg")], [thing(1, 1)])
    folder = write(tmp_path / "photos", {"c.json": text, "left.jpg": None})
    done = call(folder, tmp_path / "bricks", "--keep-names")
    assert "gone.jpg" in done.stdout
    assert "c.json names 'gone.jpg', which is not there" in str(done.exception)
    assert json.loads(call(folder, tmp_path / "bricks", "--keep-names", "--json").stdout)["set_aside"] == [
        {"file": "gone.jpg", "reason": "c.json names 'gone.jpg', which is not there", "labels": 1}
    ]


def test_photos_without_any_label_come_in_only_when_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    Manifest(parts=(PartInfo(part_id="3001", name="Brick 2 x 4", category="brick"),)).save_folder(root)
    folder = write(tmp_path / "photos", {"classes.txt": "3001\n", "a.jpg": None, "x/b.txt": LINE})
    with pytest.raises(BrickbenchError, match=r"None of the photos has a label.* --allow-unlabelled"):
        import_photos(read_photos(folder, "yolo"), root, PhotoImportSettings())
    done = call(folder, root, "--allow-unlabelled", "--format", "yolo")
    assert "1 of 1 photos have no labels, 1 annotations were used by no photo." in done.stderr
    assert labels(root) == {"a.jpg": []}


def test_links_that_lead_nowhere_are_listed(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"3001/a.jpg": None})
    (folder / "3001/loop.jpg").symlink_to("loop.jpg")
    (folder / "3001/gone.jpg").symlink_to("nothing.jpg")
    report = import_photos(folder, tmp_path / "bricks", PhotoImportSettings(keep_names=True))
    assert {aside.file: aside.reason for aside in report.set_aside} == {
        "3001/loop.jpg": "is a link that leads back to itself", "3001/gone.jpg": "is a link to nothing",
    }  # fmt: skip
    assert os.path.lexists(folder / "3001/loop.jpg")


def test_a_copy_with_labels_gives_them_to_the_first(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", {"classes.txt": "brick\n", "a.jpg": None, "b.txt": LINE})
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes())
    import_photos(folder, tmp_path / "bricks", PhotoImportSettings(keep_names=True))
    assert list(labels(tmp_path / "bricks").values()) == [["brick"]]
    assert len(boxes(tmp_path / "bricks")) == 1


def test_labels_of_photos_that_are_there_already_are_told(tmp_path: Path) -> None:
    root = tmp_path / "bricks"
    import_photos(write(tmp_path / "one", {"p1/a.jpg": None}), root, PhotoImportSettings(keep_names=True))
    (tmp_path / "two/p2").mkdir(parents=True)
    (tmp_path / "two/p2/a.jpg").write_bytes((tmp_path / "one/p1/a.jpg").read_bytes())
    report = import_photos(tmp_path / "two", root, PhotoImportSettings(keep_names=True))
    assert len(report.notes) == 1
    assert "1 photos that the dataset has come with labels that it lacks, such as p2/a.jpg" in report.notes[0]


PLAIN = (PartInfo(part_id="brick", name="brick", category="photo"),)


def test_names_that_look_like_one_are_asked_about() -> None:
    for parts, classes in ((PLAIN, ["LegoBrick"]), ((), ["brick", "LegoBrick"]), ((), ["Wheel", "wheels"])):
        with pytest.raises(SettingsError, match=r"look like one: .* --mapping"):
            map_classes(classes, parts, {}, keep_names=True, take_targets=False)
    part_of, _ = map_classes(["LegoBrick"], PLAIN, {"LegoBrick": "brick"}, keep_names=True, take_targets=False)
    assert part_of == {"LegoBrick": "brick"}
    part_of, _ = map_classes(["LegoBrick"], PLAIN, {"LegoBrick": "LegoBrick"}, keep_names=True, take_targets=False)
    assert part_of == {"LegoBrick": "LegoBrick"}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [("brick", "LegoBrick", True), ("LEGO_brick", "Brick", True), ("minifigure", "minifigur", True),
     ("Brick 2x4", "brick 2 X 4", True), ("Brick 2x4", "Brick 2x3", False), ("3001a", "3001b", False),
     ("slope left", "slope right", False), ("red brick", "blue brick", False)],
)  # fmt: skip
def test_which_names_look_like_one(one: str, other: str, alike: bool) -> None:
    assert are_alike(one, other) == alike


def test_control_characters_are_no_part_of_a_name() -> None:
    assert clean_name("30\x0001\u200b ") == "3001"
    part_of, added = map_classes(["3001\x07", "3001"], (), {}, keep_names=True, take_targets=True)
    assert part_of == {"3001\x07": "3001", "3001": "3001"}
    assert [part.part_id for part in added] == ["3001"]


def test_moved_numbers_are_followed(tmp_path: Path) -> None:
    library = tmp_path / "ldraw"
    face = "4 16 -10 0 -10 10 0 -10 10 0 10 -10 0 10\n"
    files: Files = {"parts/9x1.dat": "0 ~Moved to 9x1b\n", "parts/9x1b.dat": f"0 Thing\n0 Name: 9x1b.dat\n{face}"}
    write(library, files | {"p/box.dat": face})
    _, catalogue = part_catalogue(library)
    held = (PartInfo(part_id="9x1b", name="x", category="x"),)
    part_of, added = map_classes(["9x1"], held, {}, keep_names=False, take_targets=False, catalogue=catalogue)
    assert (part_of, added) == ({"9x1": "9x1b"}, ())
    older = (PartInfo(part_id="9x1", name="x", category="x"),)
    part_of, _ = map_classes(["9x1b"], older, {}, keep_names=False, take_targets=False, catalogue=catalogue)
    assert part_of == {"9x1b": "9x1"}
    part_of, added = map_classes(["9x1"], (), {}, keep_names=True, take_targets=True, catalogue=catalogue)
    assert (part_of, [part.name for part in added]) == ({"9x1": "9x1b"}, ["Thing"])


FATE: dict[str, dict[str, list[str]] | str] = {
    "csv_comma_name": {"a.jpg": ["3665"], "b.jpg": ["3003"]},
    "csv_excel_sep": {"a.jpg": ["3001"], "b.jpg": ["3003"]},
    "csv_quotes_broken": "labels.csv has a quote in line 2, column 7",
    "csv_relbox": {"a.jpg": ["3001"], "b.jpg": ["3003"]},
    "csv_retinanet": {"a.jpg": ["3001"], "b.jpg": ["3003"]},
    "csv_stem_only": {"a.jpg": ["3001"], "b.jpg": ["3003"]},
    "csv_xywh": {"a.jpg": ["3001"], "b.jpg": ["3003"]},
    "cvat_images_xml": {"a.jpg": ["3001"]},
    "dng_thumbnail": "is a raw photo",
    "into_lm_flags": {"a.jpg": ["3001"]},
    "into_yolo_missing_test": {"images/train/a.jpg": ["3001"], "images/train/b.jpg": ["3001"]},
    "voc_copied_filename": {"a.jpg": ["3001"], "b.jpg": ["3003"]},
    "voc_latin1": {"a.jpg": ["Stein grün"]},
    "yolo_Images_case": {"Images/train/a.jpg": ["3001"], "Images/val/b.jpg": ["3003"]},
    "yolo_JPEGImages": {"JPEGImages/train/a.jpg": ["3001"], "JPEGImages/val/b.jpg": ["3003"]},
    "yolo_TXT": {"images/train/a.jpg": ["3001"], "images/val/b.jpg": ["3003"]},
    "yolo_cvat11": {"obj_train_data/a.jpg": ["3001"]},
    "yolo_labelimg_flat": {"a.jpg": ["3001"]},
    "yolo_labelstudio": {"images/a.jpg": ["3001"]},
    "yolo_names_bool": {"images/train/a.jpg": ["on"], "images/val/b.jpg": ["0703"]},
    "yolo_roboflow125": {"train/images/p1.jpg": ["3001"], "valid/images/p2.jpg": ["3001"]},
    "yolo_tabs_yaml": "data.yaml cannot be used: line 2",
}


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the small inputs in ../shared/cases")
@pytest.mark.parametrize("name", FATE)
def test_the_shared_cases(tmp_path: Path, name: str) -> None:
    root, fate = tmp_path / "bricks", FATE[name]
    if name.startswith("into_"):
        parts = tuple(PartInfo(part_id=number, name=number, category="brick") for number in ("3001", "3003"))
        Manifest(parts=parts).save_folder(root)
    if isinstance(fate, str):
        assert fate in refusal(CASES / name, root)
        return
    done = call(CASES / name, root, "--keep-names")
    assert done.exit_code == 0, (done.output, done.exception)
    came = labels(root)
    # Pictures of some cases are the same file twice: those come in once.
    assert {label for found in came.values() for label in found} == {
        label for found in fate.values() for label in found
    }
    assert set(came) <= set(fate)


def test_files_in_another_encoding_are_not_passed_over(tmp_path: Path) -> None:
    name = labelme("a.jpg", [{"label": "grün", "points": [[1, 1], [9, 1], [9, 9]]}])
    text = name.encode().decode("unicode_escape").encode("latin-1")
    folder = write(tmp_path / "photos", {"a.json": text, "a.jpg": None})
    assert "a.json: is no UTF-8 text, as line 1 shows" in refusal(folder, tmp_path / "bricks")
